"""Remind invited teachers: once by itself after a week, or by a principal."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from django.db import transaction

from accounts.models import User
from core.calendar import date_in_paris
from licensing.entitlements import key_checks
from licensing.entitlements.models import available_on
from licensing.invitations import notifications
from licensing.invitations.exceptions import AlreadyReminded, InvitationEnded
from licensing.invitations.limits import count_letters
from licensing.invitations.models import TeacherInvitation
from licensing.invitations.operations.endings import get_administered_invitation, lock_seat_and_invitation
from schools.calendar import is_writing_hour, list_open_departements

#: After how long without an answer the reminder leaves by itself.
REMINDER_DELAY = datetime.timedelta(days=7)
_BATCH_SIZE = 500


@transaction.atomic
def remind_invitation(*, invitation_id: int, by: User, at: datetime.datetime) -> TeacherInvitation:
    """E-mail the invited person again.

    Raises `InvitationEnded`, `AlreadyReminded` within a day of the last letter, `TooManyTeachersInvited`, and what
    `get_administered_invitation` and `key_checks.check_available` raise.
    """
    invitation = get_administered_invitation(invitation_id, by)
    key_checks.check_available(invitation.subscription.key.entitlement, by, at)
    invitation = lock_seat_and_invitation(invitation)
    if not invitation.is_pending_at(at):
        raise InvitationEnded(f"L’invitation de {invitation} n’attend plus de réponse : rechargez la page.")
    if not invitation.may_be_reminded_at(at):
        raise AlreadyReminded(f"Une lettre est déjà partie vers {invitation.email} il y a moins d’un jour.")
    count_letters(invitation.subscription, [invitation.email], by=by, at=at)
    invitation.reminded_at = at
    invitation.save(update_fields=["reminded_at"])
    notifications.notify_invited([invitation], at, kind=notifications.REMINDED)
    return invitation


def send_due_reminders(*, at: datetime.datetime) -> int:
    """Remind each person who has not answered for a week, once; return how many letters were queued.

    On a writing day of the school, by day: else later.
    """
    open_departements = list_open_departements(date_in_paris(at)) if is_writing_hour(at) else []
    if not open_departements:
        return 0
    total = 0
    while sent := _remind_batch(at, open_departements):
        total += sent
    return total


@transaction.atomic
def _remind_batch(at: datetime.datetime, open_departements: Sequence[str]) -> int:
    due = TeacherInvitation.objects.pending().filter(
        available_on(date_in_paris(at), "subscription__key__entitlement"),
        subscription__school__departement_code__in=open_departements,
        reminded_at__isnull=True,
        created_at__lte=at - REMINDER_DELAY,
        expires_at__gt=at,
    )
    # Another worker's batch is skipped, and not waited for.
    batch = list(due.select_for_update(of=("self",), no_key=True, skip_locked=True).order_by("pk")[:_BATCH_SIZE])
    TeacherInvitation.objects.filter(pk__in=[one.pk for one in batch]).update(reminded_at=at)
    notifications.notify_invited(batch, at, kind=notifications.REMINDED)
    return len(batch)
