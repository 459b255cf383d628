"""Operations on teachers' invitations.

Each runs in one transaction. Lock order: subscription → seats → invitations. An exception leaves everything unchanged.
"""

from licensing.invitations.operations.acceptance import accept_invitation, accept_with_new_account
from licensing.invitations.operations.endings import (
    delete_old_invitations,
    expire_invitations,
)
from licensing.invitations.operations.inviting import InvitationResult, invite_again, invite_teachers
from licensing.invitations.operations.recall import forget_invited_person, recall_invitation, undo_recall
from licensing.invitations.operations.reminders import remind_invitation, send_due_reminders

__all__ = [
    "InvitationResult",
    "accept_invitation",
    "accept_with_new_account",
    "delete_old_invitations",
    "expire_invitations",
    "forget_invited_person",
    "invite_again",
    "invite_teachers",
    "recall_invitation",
    "remind_invitation",
    "send_due_reminders",
    "undo_recall",
]
