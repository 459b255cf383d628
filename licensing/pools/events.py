"""Webhook events of pools and allocations: counts and states, never a key or a teacher's name.

The events of an allocation are written under the lock of its row, so that they stay in order.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db import models
from django.db.models import Count

from licensing.entitlements.models import Seat
from licensing.pools.checks import CheckedDemand
from licensing.pools.models import ALLOCATION_TOPIC, Allocation, Pool
from webhooks.endpoints import get_last_event_type
from webhooks.operations import NewEvent


class PoolEvent(models.TextChoices):
    ALLOCATION_ISSUED = "allocation.issued", "Licences attribuées"
    ALLOCATION_REDEEMED = "allocation.redeemed", "Clé activée"
    ALLOCATION_EXHAUSTED = "allocation.exhausted", "Licences toutes utilisées"
    ALLOCATION_REVOKED = "allocation.revoked", "Attribution reprise"
    ALLOCATION_RESTORED = "allocation.restored", "Reprise annulée"
    ALLOCATION_RETURNED = "allocation.returned", "Licences rendues"
    SEAT_HELD = "seat.held", "Licence utilisée"
    SEAT_RELEASED = "seat.released", "Licence libérée"
    POOL_LOW = "pool.low", "Lot presque épuisé"


#: A pool is low when at most a tenth of its capacity is free.
_LOW_DIVISOR = 10

_KEY_EVENT_TYPES = {
    "redeemed": PoolEvent.ALLOCATION_REDEEMED,
    "held": PoolEvent.SEAT_HELD,
    "released": PoolEvent.SEAT_RELEASED,
}


def build_issued_events(
    pool: Pool, demands: Sequence[CheckedDemand], numbers: Mapping[str, int], *, units: int, import_id: int | None
) -> Iterator[NewEvent]:
    """Yield an event per allocation created or grown, and one if the pool becomes low.

    `pool`: as locked, before the units were allocated.
    """
    for demand, _, added, existing in demands:
        total = added if existing is None else existing.units + added
        yield _build_issued_event(
            numbers[demand.uai], pool.pk, demand.uai, units=total, added=added, import_id=import_id
        )
    yield from _build_low_events(pool, units)


def build_grown_events(pool: Pool, allocation: Allocation, *, units: int, added: int) -> Iterator[NewEvent]:
    """Yield an `allocation.issued` event of one growth, and one if the pool becomes low; `pool`: as locked, before."""
    yield _build_issued_event(allocation.pk, pool.pk, allocation.school_id, units=units, added=added, import_id=None)
    yield from _build_low_events(pool, added)


def build_reduced_events(moving: Sequence[tuple[Allocation, int]], *, import_id: int | None) -> Iterator[NewEvent]:
    """Yield an `allocation.issued` event per reduction, with a negative `added`."""
    for allocation, now in moving:
        yield _build_issued_event(
            allocation.pk,
            allocation.pool_id,
            allocation.school_id,
            units=now,
            added=now - allocation.units,
            import_id=import_id,
        )


def build_events(kind: PoolEvent, allocations: Sequence[Allocation]) -> Iterator[NewEvent]:
    """Yield an event per allocation, with all its units."""
    for allocation in allocations:
        yield build_event(kind, allocation, units=allocation.units)


def build_key_events(allocation: Allocation, event: str, *, held: int, size: int) -> Iterator[NewEvent]:
    """Yield a key event, and one if the last seat is held: once, until a seat is free again.

    `held`, `size`: the counts when it happened. Two concurrent claims of the last two seats do not see each other, so
    the current counts are checked as well.
    """
    yield build_event(_KEY_EVENT_TYPES[event], allocation, units=size, held=held)
    if event != "held":
        return
    now = Seat.objects.filter(subscription__key=allocation.key_id).aggregate(held=Count("holder"), size=Count("pk"))
    is_full = held == size or now["held"] == now["size"]
    ends = (PoolEvent.ALLOCATION_EXHAUSTED, PoolEvent.SEAT_RELEASED, PoolEvent.ALLOCATION_ISSUED)
    if is_full and get_last_event_type(_subject_of(allocation.pk), among=ends) != PoolEvent.ALLOCATION_EXHAUSTED:
        yield build_event(PoolEvent.ALLOCATION_EXHAUSTED, allocation, units=size, held=size)


def _build_low_events(pool: Pool, units: int) -> Iterator[NewEvent]:
    """Yield an event if the pool becomes low as `units` leave it."""
    left = pool.free - units
    if left * _LOW_DIVISOR <= pool.capacity < pool.free * _LOW_DIVISOR:
        data = {"pool": pool.pk, "name": pool.name, "capacity": pool.capacity, "free": left}
        yield NewEvent(PoolEvent.POOL_LOW, f"pool:{pool.pk}", data)


def _subject_of(allocation_id: int) -> str:
    """Return the event subject of an allocation."""
    return f"{ALLOCATION_TOPIC}:{allocation_id}"


def _build_issued_event(
    number: int, pool_id: int, uai: str, *, units: int, added: int, import_id: int | None
) -> NewEvent:
    data = {"allocation": number, "pool": pool_id, "uai": uai, "units": units, "added": added, "import": import_id}
    return NewEvent(PoolEvent.ALLOCATION_ISSUED, _subject_of(number), data)


def build_event(kind: str, allocation: Allocation, **facts: Any) -> NewEvent:
    """Return an event of an allocation with these facts."""
    data = {"allocation": allocation.pk, "pool": allocation.pool_id, "uai": allocation.school_id} | facts
    return NewEvent(kind, _subject_of(allocation.pk), data)
