"""Giving a school less than it was promised, as long as it has redeemed nothing: the same key, worth less."""

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
    """What one school is to have in the end."""

    uai: str
    units: int


@dataclass(frozen=True, slots=True)
class Reduced:
    """What became of one reduction: how many licences the school had and has now; unchanged where it is refused."""

    uai: str
    #: None where the school has nothing from the pool.
    allocation_id: int | None
    before: int
    units: int
    refusal: Refused | None = None
    #: Whether an e-mail corrects what the school was written.
    told: bool = False

    def or_raise(self) -> None:
        """Raise the refusal, where there is one."""
        if self.refusal is not None:
            raise self.refusal


def reduce(*, pool_id: int, uai: str, units: int, by: User | None, at: datetime.datetime) -> Allocation:
    """Lower what a school has from a pool to `units`, and return its allocation.

    The licences return to the pool and the key stays the same. A school that was written to is told; to another, the
    e-mail that waits says the new number by itself. Raises `AlreadyRedeemed`, `BadUnits` (below 1, or more than the
    school has) or `UnknownAllocation`, having changed nothing. What the school has already is no change.
    """
    [done] = reduce_many(pool_id=pool_id, reductions=[Reduction(uai, units)], by=by, at=at)
    done.or_raise()
    return Allocation.objects.active().get(pool_id=pool_id, school_id=uai)


@transaction.atomic
def reduce_one(*, allocation_id: int, units: int, by: User | None, at: datetime.datetime) -> Allocation:
    """Lower this allocation to `units`, and return it. Raises what `reduce` raises, and `AlreadyRevoked`."""
    asked = Allocation.objects.filter(pk=allocation_id).values_list("pool_id", "school_id").first()
    if asked is None:
        raise UnknownAllocation("Cette attribution n'existe pas dans votre collectivité.")
    pool_id, uai = asked
    # The pool first: whoever takes this allocation back, or gives to the school anew, holds it too.
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
    """Lower what these schools have from a pool, in one transaction; return what became of each, in order.

    What is refused to one is done for the others. `import_id`: the list that asks for it, which the journal tells as
    one event. Raises `UnknownPool`.
    """
    pool = checks.locked_pool(pool_id)
    asked = arrays.text_in("school_id", (reduction.uai for reduction in reductions))
    numbers = Allocation.objects.active().filter(asked, pool=pool).values_list("pk", flat=True)
    allocations, _ = locked(list(numbers))
    held = {allocation.school_id: allocation for allocation in allocations.values()}
    results = [_judged(reduction, held.get(reduction.uai)) for reduction in reductions]
    moving = {
        done.uai: (held[done.uai], done.units) for done in results if done.refusal is None and done.units < done.before
    }
    if not moving:
        return results
    action = "pools.reduced" if import_id is None else REDUCED_BY_LIST
    told = _lower(pool, list(moving.values()), by=by, at=at, action=action)
    webhooks.emit(events=events.reduced(list(moving.values()), import_id=import_id), at=at)
    return [replace(done, told=True) if done.allocation_id in told else done for done in results]


def _judged(reduction: Reduction, allocation: Allocation | None) -> Reduced:
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


def _lower(
    pool: Pool, moving: Sequence[tuple[Allocation, int]], *, by: User | None, at: datetime.datetime, action: str
) -> set[int]:
    numbers, units = [allocation.pk for allocation, _ in moving], [now for _, now in moving]
    told = reached(numbers)
    table = connection.ops.quote_name(Allocation._meta.db_table)  # noqa: SLF001 - Django's documented way to the name
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} AS allocation SET units = reduced.units"  # noqa: S608
            " FROM unnest(%s::bigint[], %s::int[]) AS reduced (id, units) WHERE allocation.id = reduced.id",
            [numbers, units],
        )
    shrink_many({allocation.key_id: now for allocation, now in moving})
    returned = sum(allocation.units - now for allocation, now in moving)
    Pool.objects.filter(pk=pool.pk).update(allocated=F("allocated") - returned)
    # To a school that never heard of the old number, what waits says the new one: it is read when the e-mail leaves.
    mailing.cancel(TOPIC, told, at)
    mailing.enqueue_many(
        [
            mailing.Outgoing(
                kind=MessageKind.REDUCED.value,
                recipient=allocation.recipient,
                topic=TOPIC,
                topic_id=allocation.pk,
                about=about(allocation),
            )
            for allocation, _ in moving
            if allocation.pk in told
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
            for allocation, now in moving
        ),
        by=by,
        at=at,
    )
    return told
