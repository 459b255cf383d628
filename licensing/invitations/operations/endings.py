"""End invitations that expired or are of no more use; each gives its seat back."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Sequence

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Lower

from accounts.models import Profile, User
from core.calendar import date_in_paris
from licensing.entitlements import seat_holders
from licensing.entitlements.models import Seat, Subscription
from licensing.invitations import notifications
from licensing.invitations.models import InvitationEnd, TeacherInvitation
from schools.folding import fold

#: How long the address of somebody who did not answer, or did, is kept after the end of their invitation.
KEPT = datetime.timedelta(days=90)
_BATCH_SIZE = 500


def get_administered_invitation(invitation_id: int, by: User) -> TeacherInvitation:
    """Return an invitation of a subscription that this principal administers, and whose teachers they may see.

    Raises `SubscriptionNotAdministered`, also if there is none, and `PrincipalNotVerified`.
    """
    subscription_id = (
        TeacherInvitation.objects.filter(pk=invitation_id).values_list("subscription_id", flat=True).first()
    )
    subscription = seat_holders.get_administered_subscription(subscription_id, by)
    seat_holders.check_may_see_teachers(subscription, by)
    invitation = TeacherInvitation.objects.get(pk=invitation_id)
    invitation.subscription = subscription
    return invitation


def lock_seat_and_invitation(invitation: TeacherInvitation) -> TeacherInvitation:
    """Lock the reserved seat, then the invitation, and return its present row."""
    list(Seat.objects.filter(invitation=invitation.pk).locked())
    locked = TeacherInvitation.objects.locked().select_related("invited_by").get(pk=invitation.pk)
    locked.subscription = invitation.subscription
    return locked


def expire_invitations(*, at: datetime.datetime) -> int:
    """End the invitations whose date has passed, and those whose licences are over; return how many."""
    due = Q(expires_at__lte=at)
    entitlement = "subscription__key__entitlement"
    over = Q(**{f"{entitlement}__cancelled_at__isnull": False}) | Q(
        **{f"{entitlement}__last_day__lt": date_in_paris(at)}
    )
    total = 0
    # `over` first: the reason that the link's page gives.
    for condition, outcome in ((over, InvitationEnd.OVER), (due, InvitationEnd.EXPIRED)):
        while ended := _end_batch(condition, outcome, at):
            total += ended
    return total


@transaction.atomic
def _end_batch(condition: Q, outcome: InvitationEnd, at: datetime.datetime) -> int:
    pending = TeacherInvitation.objects.pending()
    ids = list(pending.filter(condition).order_by("pk").values_list("pk", flat=True)[:_BATCH_SIZE])
    if not ids:
        return 0
    invitations = _lock_pending(Q(pk__in=ids))
    end(invitations, outcome, at)
    if outcome == InvitationEnd.EXPIRED:
        notifications.notify_inviters_of_expiry(invitations, at)
    return len(ids)


def end_served(subscription: Subscription, teachers: Sequence[User], at: datetime.datetime) -> None:
    """End the invitations of teachers who have just received a seat of the subscription in another way.

    Called in the transaction of the assignment, as a listener of `seat_holders`.
    """
    names = {
        (teacher.email.lower(), tuple(sorted(fold(str(teacher)).split())))
        for teacher in teachers
        if teacher.profile == Profile.TEACHER and teacher.email
    }
    pending = subscription.invitations.pending().alias(address=Lower("email"))
    served = [
        invitation.pk
        for invitation in pending.filter(address__in=[address for address, _ in names])
        if not invitation.name or (invitation.email.lower(), tuple(sorted(fold(invitation.name).split()))) in names
    ]
    if served:
        # Not those being accepted: that transaction may wait for this one, whose seat the same teacher holds.
        seats = Seat.objects.filter(invitation__in=served)
        free = seats.select_for_update(of=("self",), no_key=True, skip_locked=True).values_list("pk", flat=True)
        end(list(TeacherInvitation.objects.pending().filter(seat__in=list(free)).locked()), InvitationEnd.SERVED, at)


def _lock_pending(condition: Q) -> list[TeacherInvitation]:
    """Lock the reserved seats, then the invitations, and return those that still wait."""
    ids = list(TeacherInvitation.objects.pending().filter(condition).values_list("pk", flat=True))
    list(Seat.objects.filter(invitation__in=ids).locked())
    return list(
        TeacherInvitation.objects.pending()
        .filter(pk__in=ids)
        .select_related("invited_by", "subscription__school")
        .locked()
    )


def end(invitations: Collection[TeacherInvitation], outcome: InvitationEnd, at: datetime.datetime) -> None:
    """End invitations that the caller has locked with their seats, free the seats, and stop their e-mails."""
    if not invitations:
        return
    Seat.objects.filter(pk__in=[one.seat_id for one in invitations]).update(reserved_at=None)
    for invitation in invitations:
        invitation.seat, invitation.ended_at, invitation.outcome = None, at, outcome
    TeacherInvitation.objects.bulk_update(invitations, ["seat", "ended_at", "outcome"])
    notifications.cancel_emails([one.pk for one in invitations], at)


@transaction.atomic
def delete_old_invitations(*, at: datetime.datetime) -> int:
    """Delete the invitations that ended long ago, with the addresses they hold; return how many."""
    deleted, _ = TeacherInvitation.objects.filter(ended_at__lt=at - KEPT).delete()
    return deleted
