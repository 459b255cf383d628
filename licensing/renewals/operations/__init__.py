"""Operations on renewals: edit, decline, order, give to the schools, undo.

Lock order: renewal → pool → allocation → key. The order that a renewal makes is new: nobody waits for its row.
"""

from licensing.renewals.operations.application import apply_renewal, undo_application
from licensing.renewals.operations.declining import decline_renewal, reopen_renewal
from licensing.renewals.operations.edits import EVERY_SCHOOL, edit_all, edit_lines
from licensing.renewals.operations.ordering import order_renewal

__all__ = [
    "EVERY_SCHOOL",
    "apply_renewal",
    "decline_renewal",
    "edit_all",
    "edit_lines",
    "order_renewal",
    "reopen_renewal",
    "undo_application",
]
