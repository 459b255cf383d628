"""Recall an invitation, undo that within a day, and forget an address that did not answer."""

from __future__ import annotations

import datetime

from django.db import transaction

from accounts.models import User
from core.calendar import date_in_paris
from licensing.entitlements import key_checks, seat_holders
from licensing.entitlements.exceptions import NoSeatLeft, UndoTooLate
from licensing.entitlements.models import Seat, Subscription
from licensing.entitlements.queries import serving_same_classes
from licensing.invitations import notifications
from licensing.invitations.exceptions import InvitationEnded
from licensing.invitations.models import InvitationEnd, TeacherInvitation
from licensing.invitations.operations.endings import end, get_administered_invitation, lock_seat_and_invitation
from licensing.invitations.queries import is_same_invited


@transaction.atomic
def recall_invitation(*, invitation_id: int, by: User, at: datetime.datetime) -> TeacherInvitation:
    """Take an invitation back: its link opens nothing more, and its seat is free. Idempotent.

    Raises `InvitationEnded` where it was accepted meanwhile, and what `get_administered_invitation` raises.
    """
    invitation = lock_seat_and_invitation(get_administered_invitation(invitation_id, by))
    if invitation.outcome == InvitationEnd.ACCEPTED:
        raise InvitationEnded(
            f"{invitation} a accepté l’invitation entre-temps. Pour reprendre la licence, retirez-la-lui."
        )
    if invitation.ended_at is None:
        end([invitation], InvitationEnd.RECALLED, at)
    return invitation


@transaction.atomic
def undo_recall(*, invitation_id: int, by: User, at: datetime.datetime) -> TeacherInvitation:
    """Have an invitation that was recalled wait again, as if it had not been: its link works. Idempotent.

    A letter that was stopped leaves now; one that had left needs no other. Raises `UndoTooLate` where it
    may no longer be restored, `NoSeatLeft` where the freed seat was taken meanwhile, `InvitationEnded` where the
    person was invited anew, and what `get_administered_invitation` and `key_checks.check_available` raise.
    """
    invitation = get_administered_invitation(invitation_id, by)
    subscription = invitation.subscription
    key_checks.check_available(subscription.key.entitlement, by, at)
    # Serialises concurrent principals, so that nobody is invited twice.
    Subscription.objects.locked().get(pk=subscription.pk)
    seat = seat_holders.lock_free_seat(subscription)
    invitation = lock_seat_and_invitation(invitation)
    if invitation.ended_at is None:
        return invitation
    _check_may_be_undone(invitation, at)
    if seat is None:
        raise NoSeatLeft(
            f"La licence de {invitation} vient d’être prise : l’invitation reste annulée. « Inviter », à côté du nom, "
            "en envoie une autre dès qu’une licence est libre."
        )
    Seat.objects.filter(pk=seat.pk).update(reserved_at=at)
    invitation.seat, invitation.ended_at, invitation.outcome = seat, None, ""
    invitation.save(update_fields=["seat", "ended_at", "outcome"])
    notifications.send_stopped_email(invitation, at)
    return invitation


def _check_may_be_undone(invitation: TeacherInvitation, at: datetime.datetime) -> None:
    if not invitation.may_be_restored_at(at):
        raise UndoTooLate(
            "Il est trop tard pour rétablir cette invitation : « Inviter », à côté du nom, en envoie une autre."
        )
    alike = serving_same_classes(invitation.subscription, date_in_paris(at)).values("pk")
    same_address = TeacherInvitation.objects.pending().filter(subscription__in=alike, email__iexact=invitation.email)
    if any(is_same_invited(invitation, one) for one in same_address):
        raise InvitationEnded(f"Une nouvelle invitation est déjà partie à {invitation.email}.")


@transaction.atomic
def forget_invited_person(*, invitation_id: int, by: User) -> TeacherInvitation:
    """Delete the invitations of this person to the school that ended without an answer; return the given one.

    Raises `InvitationEnded` where the given one waits or was accepted, and what `get_administered_invitation` raises.
    """
    invitation = lock_seat_and_invitation(get_administered_invitation(invitation_id, by))
    if not invitation.is_unanswered:
        raise InvitationEnded(f"L’invitation de {invitation} a changé entre-temps : rechargez la page.")
    TeacherInvitation.objects.unanswered().filter(
        subscription__school=invitation.subscription.school_id,
        email__iexact=invitation.email,
        name__iexact=invitation.name,
    ).delete()
    return invitation
