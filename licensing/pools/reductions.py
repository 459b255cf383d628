"""Licences that a pool takes back: reduction and revocation of unredeemed allocations, and of its capacity."""

import datetime
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.db import transaction
from django.db.models import F, Q

from accounts.models import User
from core import formatting
from core.connections import connection
from core.exceptions import DomainError, Refusal
from licensing.entitlements.exceptions import LicencesInUse
from licensing.entitlements.keys import shrink_many
from licensing.entitlements.models import ActivationKey
from licensing.pools import checks, events
from licensing.pools.checks import AllocationActionResult, lock_allocations, redeemed_error
from licensing.pools.emails import build_message
from licensing.pools.events import PoolEvent
from licensing.pools.exceptions import UnknownAllocation
from licensing.pools.journal import record_allocations, record_pool
from licensing.pools.models import (
    ALLOCATION_TOPIC,
    REDUCED_IN_BULK,
    RESTORABLE_FOR,
    REVOKED_IN_BULK,
    Allocation,
    MessageKind,
    Pool,
)
from licensing.pools.queries import find_emailed_ids
from licensing.pools.wording import describe_reduction, describe_revocation
from mailing import operations as mailing
from schools.wording import format_school_name
from webhooks import operations as webhooks

#: How many schools a refusal names.
_NAMED_SCHOOLS = 3


@transaction.atomic
def take_back_capacity(*, entitlement_id: int, units: int, by: User, at: datetime.datetime) -> None:
    """Take licences back from a pool, in the schema of its collectivity.

    Only what no school has is taken. Raises `LicencesInUse`.
    """
    pool = Pool.objects.locked().get(entitlement=entitlement_id)
    if units > pool.free:
        raise LicencesInUse(
            f"{formatting.pluralize(pool.allocated, 'licence est déjà attribuée', 'licences sont déjà attribuées')} "
            f"({_describe_schools(pool)}) : {formatting.number(pool.free)} au plus peuvent être reprises. Les clés "
            "qui ne sont pas activées peuvent d'abord être reprises aux établissements."
        )
    # F() and not -=: were the lock ever forgotten, the database's own CHECK would still refuse.
    Pool.objects.filter(pk=pool.pk).update(capacity=F("capacity") - units)
    taken, left = formatting.pluralize(units, "licence reprise", "licences reprises"), pool.capacity - units
    summary = f"Lot « {pool.name} » : {taken} par un avoir ; il en compte {formatting.number(left)}."
    record_pool("pools.taken_back", pool, summary, by=by, at=at)


def _describe_schools(pool: Pool) -> str:
    """Return the schools that have the most licences of the pool, and how many others have some."""
    active = Allocation.objects.active().filter(pool=pool)
    largest = active.select_related("school").order_by("-units", "school")[:_NAMED_SCHOOLS]
    schools = [
        f"{format_school_name(one.school.name)}, {one.school.commune} : {formatting.number(one.units)}"
        for one in largest
    ]
    others = active.count() - len(schools)
    if others > 0:
        schools.append(formatting.pluralize(others, "autre établissement", "autres établissements"))
    return " ; ".join(schools)


def revoke(*, allocation_id: int, by: User | None, at: datetime.datetime) -> Allocation:
    """Revoke an unredeemed allocation; its licences return to the pool.

    Pending e-mails are cancelled; a school that received the key is notified after `RESTORABLE_FOR`, while which
    `restore` undoes it. Raises `AllocationRedeemed` or `UnknownAllocation`, having changed nothing. Idempotent.
    """
    for result in revoke_many(allocation_ids=[allocation_id], by=by, at=at):
        result.raise_for_refusal()
    return Allocation.objects.get(pk=allocation_id)


@transaction.atomic
def revoke_many(
    *,
    allocation_ids: Sequence[int],
    by: User | None,
    at: datetime.datetime,
    import_id: int | None = None,
    in_bulk: bool = False,
) -> list[AllocationActionResult]:
    """Revoke the unredeemed ones of these allocations, in one transaction; return a result for each.

    `import_id`: the import that requests it, recorded as one audit entry. `in_bulk`: part of one act that its own entry
    records.
    """
    requested = Allocation.objects.filter(pk__in_array=allocation_ids)
    # Lock order: pool → allocation → key.
    list(Pool.objects.locked().filter(pk__in=set(requested.values_list("pool_id", flat=True))))
    allocations, results = lock_allocations(allocation_ids)
    revocable: list[Allocation] = []
    for allocation in allocations.values():
        redeemed_at = allocation.key.redeemed_at
        if redeemed_at is not None:
            results.append(
                AllocationActionResult(allocation.pk, redeemed_error(redeemed_at, "elle ne peut plus être reprise"))
            )
        elif allocation.revoked_at is not None:
            results.append(AllocationActionResult(allocation.pk))
        else:
            revocable.append(allocation)
    notified: set[int] = set()
    if revocable:
        alone = import_id is None and not in_bulk
        notified = _apply_revocation(revocable, by=by, at=at, action="pools.revoked" if alone else REVOKED_IN_BULK)
    results += [AllocationActionResult(allocation.pk, notified=allocation.pk in notified) for allocation in revocable]
    return results


def _apply_revocation(
    allocations: list[Allocation], *, by: User | None, at: datetime.datetime, action: str
) -> set[int]:
    allocation_ids = [allocation.pk for allocation in allocations]
    mailing.hold_back(ALLOCATION_TOPIC, allocation_ids)
    notified = find_emailed_ids(allocation_ids)
    rows = Allocation.objects.filter(pk__in_array=allocation_ids)
    rows.update(revoked_at=at, revoked_by_id=by.pk if by else None)
    ActivationKey.objects.filter(pk__in_array=[allocation.key_id for allocation in allocations]).update(revoked_at=at)
    returned: Counter[int] = Counter()
    for allocation in allocations:
        returned[allocation.pool_id] += allocation.units
    for pool_id, units in sorted(returned.items()):
        Pool.objects.filter(pk=pool_id).update(allocated=F("allocated") - units)
    mailing.cancel(ALLOCATION_TOPIC, allocation_ids, at)
    mailing.enqueue_many(
        [build_message(allocation, MessageKind.REVOKED) for allocation in allocations if allocation.pk in notified],
        at=at,
        # Not before the revocation is final: one that is undone has written to nobody.
        due_at=at + RESTORABLE_FOR,
    )
    summaries = [(allocation, describe_revocation(allocation)) for allocation in allocations]
    record_allocations(action, summaries, by=by, at=at)
    webhooks.emit(events=events.build_events(PoolEvent.ALLOCATION_REVOKED, allocations), at=at)
    return notified


@dataclass(frozen=True, slots=True)
class Reduction:
    """The resulting units of one school."""

    uai: str
    units: int


@dataclass(frozen=True, slots=True)
class ReductionResult:
    """Result of one reduction: the units before and after; equal where it is refused."""

    uai: str
    #: None where the school has nothing from the pool.
    allocation_id: int | None
    before: int
    units: int
    refusal: DomainError | None = None
    #: Whether an e-mail to the school was queued.
    notified: bool = False

    def raise_for_refusal(self) -> None:
        """Raise `refusal`, if any."""
        if self.refusal is not None:
            raise self.refusal


def reduce(*, pool_id: int, uai: str, units: int, by: User | None, at: datetime.datetime) -> Allocation:
    """Reduce a school's allocation from a pool to `units`, and return it.

    The difference returns to the pool; the key stays the same. A school that already received its key is notified.
    Raises `AllocationRedeemed` or `UnknownAllocation`, and refuses a number below 1 or above what the school has
    (`invalid_units`), having changed nothing. Idempotent.
    """
    [result] = reduce_many(pool_id=pool_id, reductions=[Reduction(uai, units)], by=by, at=at)
    result.raise_for_refusal()
    return Allocation.objects.active().get(pool_id=pool_id, school_id=uai)


@transaction.atomic
def reduce_one(*, allocation_id: int, units: int, by: User | None, at: datetime.datetime) -> Allocation:
    """Reduce this allocation to `units`, and return it. Raises what `reduce` raises, and `AllocationRevoked`."""
    allocation = checks.lock_active_allocation(allocation_id)
    return reduce(pool_id=allocation.pool_id, uai=allocation.school_id, units=units, by=by, at=at)


@transaction.atomic
def reduce_many(
    *,
    pool_id: int,
    reductions: Sequence[Reduction],
    by: User | None,
    at: datetime.datetime,
    import_id: int | None = None,
    notify_at: datetime.datetime | None = None,
) -> list[ReductionResult]:
    """Reduce these schools' allocations from a pool, in one transaction; return a result for each.

    Best effort: a refusal does not affect the others. `import_id`: the import that requests it, recorded as one audit
    entry. `notify_at`: when the schools are told, as part of one act that its own entry records. Raises `Refusal`.
    """
    pool = checks.lock_pool(pool_id)
    of_schools = Q(school_id__in_array=[reduction.uai for reduction in reductions])
    allocation_ids = Allocation.objects.active().filter(of_schools, pool=pool).values_list("pk", flat=True)
    allocations, _ = lock_allocations(list(allocation_ids))
    existing = {allocation.school_id: allocation for allocation in allocations.values()}
    results = [_check(reduction, existing.get(reduction.uai)) for reduction in reductions]
    # By school: of one that is named twice, the last counts.
    reduced = {result.uai: result for result in results if result.refusal is None and result.units < result.before}
    changing = [(existing[uai], result.units) for uai, result in reduced.items()]
    if not changing:
        return results
    changing_ids, units = [allocation.pk for allocation, _ in changing], [now for _, now in changing]
    mailing.hold_back(ALLOCATION_TOPIC, changing_ids)
    notified = find_emailed_ids(changing_ids)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE pools_allocation AS allocation SET units = reduced.units"
            " FROM unnest(%s::bigint[], %s::int[]) AS reduced (id, units) WHERE allocation.id = reduced.id",
            [changing_ids, units],
        )
    shrink_many({allocation.key_id: now for allocation, now in changing})
    returned = sum(allocation.units - now for allocation, now in changing)
    Pool.objects.filter(pk=pool.pk).update(allocated=F("allocated") - returned)
    # Pending first e-mails need no correction: they state the number when they are sent.
    mailing.cancel(ALLOCATION_TOPIC, notified, at)
    mailing.enqueue_many(
        [build_message(allocation, MessageKind.REDUCED) for allocation, _ in changing if allocation.pk in notified],
        at=at,
        due_at=notify_at,
    )
    action = "pools.reduced" if import_id is None and notify_at is None else REDUCED_IN_BULK
    summaries = [(allocation, describe_reduction(allocation, now)) for allocation, now in changing]
    record_allocations(action, summaries, by=by, at=at)
    webhooks.emit(events=events.build_reduced_events(changing, import_id=import_id), at=at)
    return [replace(result, notified=True) if result.allocation_id in notified else result for result in results]


def _check(reduction: Reduction, allocation: Allocation | None) -> ReductionResult:
    if allocation is None:
        missing = UnknownAllocation(f"{reduction.uai} : cet établissement n'a rien reçu de ce lot.")
        return ReductionResult(reduction.uai, None, 0, 0, missing)
    had, refusal = allocation.units, _refusal(reduction, allocation)
    return ReductionResult(reduction.uai, allocation.pk, had, had if refusal is not None else reduction.units, refusal)


def _refusal(reduction: Reduction, allocation: Allocation) -> DomainError | None:
    if reduction.units < 1:
        return Refusal(
            "invalid_units",
            f"{reduction.uai} : indiquez un nombre entier de licences, au moins 1. "
            "Pour ne rien laisser à l'établissement, reprenez l'attribution.",
        )
    if reduction.units > allocation.units:
        return Refusal(
            "invalid_units",
            f"{reduction.uai} : l'établissement n'a que {formatting.pluralize(allocation.units, 'licence')}, "
            "une réduction ne peut pas lui en donner davantage.",
        )
    if reduction.units < allocation.units and allocation.key.redeemed_at is not None:
        return redeemed_error(allocation.key.redeemed_at, "ses licences ne peuvent plus être réduites")
    return None
