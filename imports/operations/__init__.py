"""What is done with spreadsheets: uploaded, read, corrected, applied once, undone, or cancelled.

Lock order: import → pool → what pools lock. The reading and the application run in a worker, each queued in the
transaction that asks for it; both may be run again without harm.
"""

from imports.operations.amending import amend, tick_all
from imports.operations.applying import apply, confirm, hand_back
from imports.operations.bulk import accept_proposals, add_all_to_remit, await_all, put_all_aside
from imports.operations.cancelling import cancel, cancel_stopped, look_after_abandoned
from imports.operations.depositing import deposit
from imports.operations.locking import APPLY_TASK, OPEN, READ_TASK, UNDO_TASK
from imports.operations.reading import choices_of, choose, keep_reading, known, reject, remember_layout, upload
from imports.operations.undoing import ask_undo, undo, undo_plan

__all__ = [
    "APPLY_TASK",
    "OPEN",
    "READ_TASK",
    "UNDO_TASK",
    "accept_proposals",
    "add_all_to_remit",
    "amend",
    "apply",
    "ask_undo",
    "await_all",
    "cancel",
    "cancel_stopped",
    "choices_of",
    "choose",
    "confirm",
    "deposit",
    "hand_back",
    "keep_reading",
    "known",
    "look_after_abandoned",
    "put_all_aside",
    "reject",
    "remember_layout",
    "tick_all",
    "undo",
    "undo_plan",
    "upload",
]
