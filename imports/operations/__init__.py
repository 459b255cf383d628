"""Operations on imports: upload, parse, edit rows, apply once, undo, cancel.

Lock order: import → pool → what pools lock. Parsing and application run in a worker, queued in the transaction that
requests them; both are idempotent.
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
