"""What programs are told of pools and allocations: counts and states, never a key, nor a teacher's name.

The events of an allocation are written under the lock of its row, in the order of what happened to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Count

from licensing.pools.models import TOPIC
from licensing.subscriptions.models import Seat
from webhooks.operations import EventType, Happening
from webhooks.queries import last_type

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from licensing.pools.models import Allocation, Pool
    from licensing.pools.operations.giving import Step

#: A pool is low when so much of it, or less, is free: a tenth.
LOW = 10

_OF_A_KEY = {
    "redeemed": EventType.ALLOCATION_REDEEMED,
    "held": EventType.SEAT_HELD,
    "released": EventType.SEAT_RELEASED,
}


def given(
    pool: Pool, steps: Sequence[Step], numbers: Mapping[str, int], *, units: int, import_id: int | None
) -> Iterator[Happening]:
    """Yield that each school has more, and that the pool is low where these units made it so.

    `pool`: as it was locked, before they were taken.
    """
    for demand, _, added, held in steps:
        total = added if held is None else held.units + added
        yield _issued(numbers[demand.uai], pool.pk, demand.uai, units=total, added=added, import_id=import_id)
    left = pool.free - units
    if left * LOW <= pool.capacity < pool.free * LOW:
        told = {"pool": pool.pk, "name": pool.name, "capacity": pool.capacity, "free": left}
        yield Happening(EventType.POOL_LOW, f"pool:{pool.pk}", told)


def reduced(moving: Sequence[tuple[Allocation, int]], *, import_id: int | None) -> Iterator[Happening]:
    """Yield what each school has now, its key being worth less: issued anew, with a negative difference."""
    for allocation, now in moving:
        yield _issued(
            allocation.pk,
            allocation.pool_id,
            allocation.school_id,
            units=now,
            added=now - allocation.units,
            import_id=import_id,
        )


def revoked(taken: Sequence[Allocation]) -> Iterator[Happening]:
    """Yield that each was taken back."""
    for allocation in taken:
        yield _of(EventType.ALLOCATION_REVOKED, allocation, units=allocation.units)


def of_key(allocation: Allocation, event: str, *, held: int, size: int) -> Iterator[Happening]:
    """Yield what happened to an allocation's key, and that its last unit is held: once, until one is free again.

    `held`, `size`: as they were then. Of two teachers who take the last two units at the same moment, neither saw the
    other's: so what is held by now counts as well.
    """
    yield _of(_OF_A_KEY[event], allocation, units=size, held=held)
    if event != "held":
        return
    now = Seat.objects.filter(subscription__key=allocation.key_id).aggregate(held=Count("holder"), size=Count("pk"))
    is_full = held == size or now["held"] == now["size"]
    ends = (EventType.ALLOCATION_EXHAUSTED, EventType.SEAT_RELEASED, EventType.ALLOCATION_ISSUED)
    if is_full and last_type(subject_of(allocation.pk), among=ends) != EventType.ALLOCATION_EXHAUSTED:
        yield _of(EventType.ALLOCATION_EXHAUSTED, allocation, units=size, held=size)


def subject_of(allocation_id: int) -> str:
    """Return what the events of an allocation are about."""
    return f"{TOPIC}:{allocation_id}"


def _issued(number: int, pool_id: int, uai: str, *, units: int, added: int, import_id: int | None) -> Happening:
    told = {"allocation": number, "pool": pool_id, "uai": uai, "units": units, "added": added, "import": import_id}
    return Happening(EventType.ALLOCATION_ISSUED, subject_of(number), told)


def _of(kind: EventType, allocation: Allocation, **counts: Any) -> Happening:
    told = {"allocation": allocation.pk, "pool": allocation.pool_id, "uai": allocation.school_id} | counts
    return Happening(kind, subject_of(allocation.pk), told)
