"""Who must be told of what happened to a key: people by the portal's outbox, a collectivity by a task in its schema.

Queued in the transaction that causes it. A message holds numbers only: names and addresses are read when it is sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Count
from django_tenants.utils import get_public_schema_name, schema_context
from procrastinate.contrib.django import app

from licensing.subscriptions.models import Seat
from mailing.operations import Outgoing, enqueue, enqueue_many
from schools.models import Affiliation

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from accounts.models import User
    from licensing.subscriptions.models import ActivationKey, Subscription

GIVEN = "seat.given"
WITHDRAWN = "seat.withdrawn"
CLAIMED = "seat.claimed"
GROWN = "subscription.grown"
JOINED = "teacher.joined"
MOVED = "teacher.moved"
LEFT = "seat.left"


def tell_collectivity(key: ActivationKey, event: str, at: datetime.datetime) -> None:
    """Queue « redeemed », « held » or « released » for the collectivity that the key came from, if one did.

    It learns that a unit was taken, never by whom. The counts are those of this moment: by the time the task runs,
    the next event may have changed them.
    """
    collectivity = key.source.collectivity
    if collectivity is None:
        return
    counts = Seat.objects.filter(subscription__key=key).aggregate(held=Count("holder"), size=Count("pk"))
    # The task's own `at` is when it happened; `jobs.tasks.defer` has one too, which is when to run.
    # The lock: what happens to one key is told in the order in which it happens.
    app.configure_task("pools.note_key_event", allow_unknown=False, lock=f"pools.key:{key.pk}").defer(
        schema=collectivity.schema_name, key_id=key.pk, event=event, at=at.isoformat(), **counts
    )


def tell_teachers_given(seats: Sequence[Seat], at: datetime.datetime) -> None:
    """Tell each of those who hold these seats that he does."""
    letters = [
        Outgoing(GIVEN, seat.holder.email, context={"user": seat.holder.pk, "seat": seat.pk})
        for seat in seats
        if seat.holder is not None
    ]
    with schema_context(get_public_schema_name()):
        enqueue_many(letters, at=at)


def tell_teacher_withdrawn(seat: Seat, teacher: User, at: datetime.datetime) -> None:
    _queue(WITHDRAWN, teacher, at, seat=seat.pk)


def tell_teacher_joined(affiliation: Affiliation, teacher: User, at: datetime.datetime) -> None:
    _queue(JOINED, teacher, at, affiliation=affiliation.pk)


def tell_heads_claimed(seat: Seat, at: datetime.datetime) -> None:
    """Tell whoever administers the key that a teacher typed it: he may withdraw it."""
    for head in _heads_of(seat.subscription):
        _queue(CLAIMED, head, at, seat=seat.pk, teacher=seat.holder_id)


def tell_heads_moved(seat: Seat, at: datetime.datetime) -> None:
    """Tell whoever administers the unit that its holder belongs to another school now."""
    for head in _heads_of(seat.subscription):
        _queue(MOVED, head, at, seat=seat.pk, teacher=seat.holder_id)


def tell_heads_left(seat: Seat, teacher: User, at: datetime.datetime) -> None:
    """Tell whoever administers the unit, but for himself, that its holder deleted his account."""
    for head in _heads_of(seat.subscription):
        if head.pk != teacher.pk:
            _queue(LEFT, head, at, seat=seat.pk)


def tell_principal_grown(subscription: Subscription, units: int, at: datetime.datetime) -> None:
    # Once his account is deleted, whoever leads the school after him.
    told = [subscription.principal] if subscription.principal.is_active else _heads_of(subscription)
    for principal in told:
        _queue(GROWN, principal, at, subscription=subscription.pk, units=units)


def _heads_of(subscription: Subscription) -> list[User]:
    """Return the verified heads of the subscription's school, who share it; without any, the account credited.

    Nobody where that account was deleted.
    """
    led = Affiliation.objects.filter(school=subscription.school_id, school__isnull=False, verified_at__isnull=False)
    heads = [affiliation.user for affiliation in led.select_related("user").order_by("verified_at", "pk")]
    return heads or [one for one in (subscription.principal,) if one.is_active]


def _queue(kind: str, person: User, at: datetime.datetime, **context: int | None) -> None:
    # The portal's outbox, though a collectivity's office may have caused it.
    with schema_context(get_public_schema_name()):
        enqueue(kind=kind, recipient=person.email, at=at, context={"user": person.pk, **context})
