"""Reduction of unredeemed allocations: the same key, for fewer units."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from django.db import connection, transaction
from django.db.models import F

from collectivities import audit
from licensing.pools import checks, events
from licensing.pools.emails import about
from licensing.pools.exceptions import BadUnits, UnknownAllocation
from licensing.pools.models import REDUCED_BY_LIST, TOPIC, Allocation, MessageKind, Pool
from licensing.pools.operations.results import locked, redeemed, revoked
from licensing.pools.queries import reached
from licensing.subscriptions.growing import shrink_many
from mailing import operations as mailing
from schools.wording import school_name
from web import arrays, typography
from webhooks import operations as webhooks

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from accounts.models import User
    from licensing.exceptions import Refused


@dataclass(frozen=True, slots=True)
class Reduction:
    """The resulting units of one school."""

    uai: str
    units: int


@dataclass(frozen=True, slots=True)
class Reduced:
    """Result of one reduction: the units before and after; equal where it is refused."""

    uai: str
    #: None where the school has nothing from the pool.
    allocation_id: int | None
    before: int
    units: int
    refusal: Refused | None = None
    #: Whether an e-mail to the school was queued.
    told: bool = False

    def or_raise(self) -> None:
        """Raise `refusal`, if any."""
        if self.refusal is not None:
            raise self.refusal


def reduce(*, pool_id: int, uai: str, units: int, by: User | None, at: datetime.datetime) -> Allocation:
    """Reduce a school's allocation from a pool to `units`, and return it.

    The difference returns to the pool; the key stays the same. A school that already received its key is notified.
    Raises `AlreadyRedeemed`, `BadUnits` (below 1, or more than the school has) or `UnknownAllocation`, having changed
    nothing. Idempotent.
    """
    [result] = reduce_many(pool_id=pool_id, reductions=[Reduction(uai, units)], by=by, at=at)
    result.or_raise()
    return Allocation.objects.active().get(pool_id=pool_id, school_id=uai)


@transaction.atomic
def reduce_one(*, allocation_id: int, units: int, by: User | None, at: datetime.datetime) -> Allocation:
    """Reduce this allocation to `units`, and return it. Raises what `reduce` raises, and `AlreadyRevoked`."""
    row = Allocation.objects.filter(pk=allocation_id).values_list("pool_id", "school_id").first()
    if row is None:
        raise UnknownAllocation("Cette attribution n'existe pas dans votre collectivité.")
    pool_id, uai = row
    # The pool first: revocations and new allocations lock it too.
    checks.locked_pool(pool_id)
    allocation = Allocation.objects.locked().get(pk=allocation_id)
    if allocation.revoked_at is not None:
        raise revoked(allocation.revoked_at)
    return reduce(pool_id=pool_id, uai=uai, units=units, by=by, at=at)


@transaction.atomic
def reduce_many(
    *,
    pool_id: int,
    reductions: Sequence[Reduction],
    by: User | None,
    at: datetime.datetime,
    import_id: int | None = None,
) -> list[Reduced]:
    """Reduce these schools' allocations from a pool, in one transaction; return a result for each.

    Best effort: a refusal does not affect the others. `import_id`: the import that requests it, recorded as one audit
    entry. Raises `UnknownPool`.
    """
    pool = checks.locked_pool(pool_id)
    of_schools = arrays.text_in("school_id", (reduction.uai for reduction in reductions))
    allocation_ids = Allocation.objects.active().filter(of_schools, pool=pool).values_list("pk", flat=True)
    allocations, _ = locked(list(allocation_ids))
    held = {allocation.school_id: allocation for allocation in allocations.values()}
    results = [_check(reduction, held.get(reduction.uai)) for reduction in reductions]
    changing = {
        result.uai: (held[result.uai], result.units)
        for result in results
        if result.refusal is None and result.units < result.before
    }
    if not changing:
        return results
    action = "pools.reduced" if import_id is None else REDUCED_BY_LIST
    notified = _apply(pool, list(changing.values()), by=by, at=at, action=action)
    webhooks.emit(events=events.reduced(list(changing.values()), import_id=import_id), at=at)
    return [replace(result, told=True) if result.allocation_id in notified else result for result in results]


def _check(reduction: Reduction, allocation: Allocation | None) -> Reduced:
    if allocation is None:
        missing = UnknownAllocation(f"{reduction.uai} : cet établissement n'a rien reçu de ce lot.")
        return Reduced(reduction.uai, None, 0, 0, missing)
    had, refusal = allocation.units, _refusal(reduction, allocation)
    return Reduced(reduction.uai, allocation.pk, had, had if refusal is not None else reduction.units, refusal)


def _refusal(reduction: Reduction, allocation: Allocation) -> Refused | None:
    if reduction.units < 1:
        return BadUnits(
            f"{reduction.uai} : indiquez un nombre entier de licences, au moins 1. "
            "Pour ne rien laisser à l'établissement, reprenez l'attribution."
        )
    if reduction.units > allocation.units:
        return BadUnits(
            f"{reduction.uai} : l'établissement n'a que {typography.plural(allocation.units, 'licence')}, "
            "une réduction ne peut pas lui en donner davantage."
        )
    if reduction.units < allocation.units and allocation.key.redeemed_at is not None:
        return redeemed(allocation.key.redeemed_at, "ses licences ne peuvent plus être réduites")
    return None


def _apply(
    pool: Pool, changing: Sequence[tuple[Allocation, int]], *, by: User | None, at: datetime.datetime, action: str
) -> set[int]:
    allocation_ids, units = [allocation.pk for allocation, _ in changing], [now for _, now in changing]
    notified = reached(allocation_ids)
    table = connection.ops.quote_name(Allocation._meta.db_table)  # noqa: SLF001 - documented API
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} AS allocation SET units = reduced.units"  # noqa: S608
            " FROM unnest(%s::bigint[], %s::int[]) AS reduced (id, units) WHERE allocation.id = reduced.id",
            [allocation_ids, units],
        )
    shrink_many({allocation.key_id: now for allocation, now in changing})
    returned = sum(allocation.units - now for allocation, now in changing)
    Pool.objects.filter(pk=pool.pk).update(allocated=F("allocated") - returned)
    # Pending first e-mails need no correction: they state the number when they are sent.
    mailing.cancel(TOPIC, notified, at)
    mailing.enqueue_many(
        [
            mailing.Outgoing(
                kind=MessageKind.REDUCED.value,
                recipient=allocation.recipient,
                topic=TOPIC,
                topic_id=allocation.pk,
                about=about(allocation),
            )
            for allocation, _ in changing
            if allocation.pk in notified
        ],
        at=at,
    )
    audit.record_many(
        (
            audit.Entry(
                action,
                f"{typography.plural(allocation.units - now, 'licence retirée', 'licences retirées')} à "
                f"{school_name(allocation.school.name)} et rendues au lot « {pool.name} » "
                f"(désormais {typography.number(now)}, même clé).",
                allocation.school_id,
                "allocation",
                allocation.pk,
            )
            for allocation, now in changing
        ),
        by=by,
        at=at,
    )
    return notified
