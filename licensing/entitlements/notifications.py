"""Notifications about keys and seats: e-mails to people, tasks in the schema of a collectivity.

Queued in the transaction that causes them. A message holds primary keys only: names are read when it is sent.
"""

import datetime
from collections.abc import Collection, Sequence

from django.db.models import Count
from django_tenants.utils import get_public_schema_name, schema_context
from procrastinate.contrib.django import app

from accounts.models import User
from jobs.tasks import defer
from licensing.entitlements.models import ActivationKey, Seat, Subscription
from mailing.operations import NewMessage, cancel_in_portal, enqueue_gathered, enqueue_in_portal
from schools.models import Affiliation

SEAT_ASSIGNED = "seat.assigned"
SEAT_WITHDRAWN = "seat.withdrawn"
SEAT_TAKEN = "seat.taken"
TEACHER_JOINED = "teacher.joined"
TEACHER_MOVED = "teacher.moved"
SEAT_LEFT = "seat.left"

#: `Message.topic` of the e-mails about an assignment; their `topic_id` is the primary key of the seat.
SEAT_TOPIC = "seat"
#: How long an assignment can be undone: the ten seconds that the page offers it, and five for the way of the answers.
UNDO_PERIOD = datetime.timedelta(seconds=15)
#: `Message.topic` of the e-mails about licences that teachers took; their `topic_id` is that of the subscription.
SUBSCRIPTION_TOPIC = "subscription"
#: How long licences that teachers take gather in one e-mail, from the first on: those of a staff meeting, or a break.
TAKING_PERIOD = datetime.timedelta(minutes=30)
#: How a licence was taken: by the key, or by the link of an invitation.
TYPED, ACCEPTED = "typed", "accepted"


def notify_collectivity(key: ActivationKey, event: str, at: datetime.datetime, *, free: int | None = None) -> None:
    """Queue a key event (`redeemed`, `held` or `released`) for the collectivity that gave the key, if any.

    Anonymous. The counts are of this moment: by the time the task runs, the next event may have changed them.
    `free`: the number of seats where they were made in this transaction, and nobody holds one; else they are counted.
    """
    collectivity = key.entitlement.collectivity
    if collectivity is None:
        return
    counts = (
        Seat.objects.filter(subscription__key=key).aggregate(held=Count("holder"), size=Count("pk"))
        if free is None
        else {"held": 0, "size": free}
    )
    # Not `jobs.tasks.defer`, whose `at` is when to run: the `at` of this task is when the event happened.
    # The lock keeps the events of one key in order.
    app.configure_task("pools.note_key_event", allow_unknown=False, lock=f"pools.key:{key.pk}").defer(
        schema=collectivity.schema_name, key_id=key.pk, event=event, at=at.isoformat(), **counts
    )


def notify_of_reserved_seats(subscription_ids: Collection[int]) -> None:
    """Have the collectivities that gave these subscriptions' keys, if any, count their free seats anew.

    For seats that were reserved, or are no more: of what happens to held ones `notify_collectivity` says more. One
    statement, and one for each collectivity.
    """
    keys = ActivationKey.objects.filter(subscription__in=subscription_ids, entitlement__collectivity__isnull=False)
    of_schema: dict[str, list[int]] = {}
    for key_id, schema in keys.order_by("pk").values_list("pk", "entitlement__collectivity__schema_name"):
        of_schema.setdefault(schema, []).append(key_id)
    for schema, key_ids in of_schema.items():
        defer("pools.copy_key_states", schema=schema, key_ids=key_ids)


def notify_teachers_of_assignment(
    seats: Sequence[Seat], at: datetime.datetime, *, due_at: datetime.datetime | None = None
) -> None:
    """E-mail the holder of each of these seats, at once or at `due_at`."""
    emails = [
        NewMessage(
            SEAT_ASSIGNED,
            seat.holder.email,
            topic=SEAT_TOPIC,
            topic_id=seat.pk,
            context={"user": seat.holder.pk, "seat": seat.pk},
        )
        for seat in seats
        if seat.holder is not None
    ]
    enqueue_in_portal(emails, at=at, due_at=due_at)


def cancel_assignment_emails(seats: Sequence[Seat], at: datetime.datetime) -> None:
    """Cancel the e-mails about the assignment of these seats that have not left."""
    cancel_in_portal(SEAT_TOPIC, [seat.pk for seat in seats], at)


def notify_teacher_of_withdrawal(seat: Seat, teacher: User, at: datetime.datetime) -> None:
    _queue(SEAT_WITHDRAWN, teacher, at, seat=seat.pk)


def notify_teacher_of_affiliation(affiliation: Affiliation, teacher: User, at: datetime.datetime) -> None:
    _queue(TEACHER_JOINED, teacher, at, affiliation=affiliation.pk)


def notify_principals_of_claim(seat: Seat, at: datetime.datetime) -> None:
    """E-mail the principals of the subscription that a teacher claimed a seat, which they may withdraw.

    One e-mail a principal tells what teachers took within `TAKING_PERIOD`.
    """
    for principal in _principals_of(seat.subscription):
        _gather_taking(seat, TYPED, principal, at)


def notify_inviter_of_acceptance(seat: Seat, inviter: User, at: datetime.datetime) -> None:
    """E-mail the principal who invited that the invitation was accepted, as `notify_principals_of_claim` does.

    None where their account is closed.
    """
    if inviter.is_active:
        _gather_taking(seat, ACCEPTED, inviter, at)


def notify_principals_of_move(seat: Seat, at: datetime.datetime) -> None:
    """E-mail the principals of the subscription that the holder of a seat moved to another school."""
    for principal in _principals_of(seat.subscription):
        _queue(TEACHER_MOVED, principal, at, seat=seat.pk, teacher=seat.holder_id)


def notify_principals_of_departure(seat: Seat, teacher: User, at: datetime.datetime) -> None:
    """E-mail the principals of the subscription, but the holder, that the holder deleted their account."""
    for principal in _principals_of(seat.subscription):
        if principal.pk != teacher.pk:
            _queue(SEAT_LEFT, principal, at, seat=seat.pk)


def _principals_of(subscription: Subscription) -> list[User]:
    """Return the verified principals of the subscription's school, else the account credited if active."""
    affiliations = Affiliation.objects.filter(
        school=subscription.school_id, school__isnull=False, verified_at__isnull=False
    )
    principals = [affiliation.user for affiliation in affiliations.select_related("user").order_by("verified_at", "pk")]
    return principals or [one for one in (subscription.principal,) if one.is_active]


def _gather_taking(seat: Seat, means: str, principal: User, at: datetime.datetime) -> None:
    with schema_context(get_public_schema_name()):
        enqueue_gathered(
            kind=SEAT_TAKEN,
            recipient=principal.email,
            event=[seat.pk, seat.holder_id, means],
            at=at,
            period=TAKING_PERIOD,
            topic=SUBSCRIPTION_TOPIC,
            topic_id=seat.subscription_id,
            context={"user": principal.pk},
        )


def _queue(kind: str, person: User, at: datetime.datetime, **context: int | None) -> None:
    enqueue_in_portal([NewMessage(kind, person.email, context={"user": person.pk, **context})], at=at)
