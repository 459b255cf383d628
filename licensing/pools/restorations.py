"""Undo of revocations, and licences of a redeemed key that its school gives back or takes again."""

import datetime
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import User
from core import formatting
from core.exceptions import DomainError, Refusal
from licensing.entitlements.keys import grow_many
from licensing.entitlements.models import ActivationKey
from licensing.entitlements.seat_holders import remove_seats
from licensing.pools import checks, events
from licensing.pools.checks import AllocationActionResult, lock_allocations, pool_exhausted_error
from licensing.pools.emails import build_message
from licensing.pools.events import PoolEvent
from licensing.pools.exceptions import UnknownAllocation
from licensing.pools.journal import record_allocations
from licensing.pools.key_states import copy_key_states
from licensing.pools.models import ALLOCATION_TOPIC, RESTORABLE_FOR, Allocation, Pool
from licensing.pools.queries import find_notified_ids, list_stopped_emails
from licensing.pools.wording import describe_restoration
from mailing import operations as mailing
from webhooks import operations as webhooks

# Licences of a redeemed key that its school gives back, and takes again: between the lot and the key.
#
# Who may, and what is told to whom, is decided above: `licensing.requests.returns`.


class LockedAllocation(NamedTuple):
    """An allocation whose pool, row and key are locked, in this order."""

    pool: Pool
    allocation: Allocation
    key: ActivationKey


def lock_allocation_of_key(key_id: int) -> LockedAllocation:
    """Lock the pool, the allocation and the key. Raises `UnknownAllocation` for a key of another."""
    pool_id = Allocation.objects.filter(key_id=key_id).values_list("pool_id", flat=True).first()
    if pool_id is None:
        raise UnknownAllocation("Cette clé n'est celle d'aucune attribution de la collectivité.")
    pool = checks.lock_pool(pool_id)
    allocation = Allocation.objects.locked().select_related("school").get(key_id=key_id)
    return LockedAllocation(pool, allocation, ActivationKey.objects.locked().get(pk=key_id))


@transaction.atomic
def take_units_back(
    found: LockedAllocation, *, units: int, at: datetime.datetime, summarise: Callable[[int], str]
) -> int:
    """Move unused licences of a redeemed key into its pool; return how many the school has left.

    `summarise`: the journal's line, given what is left. Raises `LicencesInUse`, having changed nothing.
    """
    pool, allocation, key = found
    left = remove_seats(key_id=key.pk, units=units, kept_verb="rendues").size
    Allocation.objects.filter(pk=allocation.pk).update(units=F("units") - units)
    copy_key_states([allocation.pk])
    # F() and not -=: were the lock ever forgotten, the sums would still agree.
    Pool.objects.filter(pk=pool.pk).update(allocated=F("allocated") - units)
    # By nobody: the office is told what the school did, not who in it.
    record_allocations("pools.returned", [(allocation, summarise(left))], by=None, at=at)
    returned = events.build_event(PoolEvent.ALLOCATION_RETURNED, allocation, units=left, returned=units)
    webhooks.emit(events=[returned], at=at)
    return left


@transaction.atomic
def give_units_again(
    found: LockedAllocation, *, units: int, at: datetime.datetime, summarise: Callable[[int], str]
) -> int:
    """Undo `take_units_back`: the licences leave the pool, and the same key has them; return how many it has now.

    Raises `PoolExhausted`, having changed nothing, where they were given to others.
    """
    pool, allocation, key = found
    if units > pool.free:
        raise pool_exhausted_error(pool, pool.free, units, "Rien n'a été changé.")
    total = allocation.units + units
    Pool.objects.filter(pk=pool.pk).update(allocated=F("allocated") + units)
    Allocation.objects.filter(pk=allocation.pk).update(units=F("units") + units)
    grow_many({key.pk: units})
    copy_key_states([allocation.pk])
    record_allocations("pools.return_undone", [(allocation, summarise(total))], by=None, at=at)
    webhooks.emit(events=events.build_grown_events(pool, allocation, units=total, added=units), at=at)
    return total


def restore(*, allocation_id: int, by: User | None, at: datetime.datetime) -> Allocation:
    """Undo the revocation of an allocation: the same key, with its licences from the pool.

    An e-mail that the revocation had stopped is queued again; the school is told nothing else. Raises `DomainError`,
    having changed nothing: over `RESTORABLE_FOR` ago, school served again, licences given to others, pool suspended or
    closed. Idempotent.
    """
    for result in restore_many(allocation_ids=[allocation_id], by=by, at=at):
        result.raise_for_refusal()
    return Allocation.objects.get(pk=allocation_id)


def restore_revocation(
    *, revoked_at: datetime.datetime, by: User | None, at: datetime.datetime
) -> list[AllocationActionResult]:
    """Undo what was revoked at one moment; return a result for each, none where it was undone already."""
    found = Allocation.objects.filter(revoked_at=revoked_at).values_list("pk", flat=True)
    return restore_many(allocation_ids=list(found), by=by, at=at)


@transaction.atomic
def restore_many(
    *, allocation_ids: Sequence[int], by: User | None, at: datetime.datetime
) -> list[AllocationActionResult]:
    """Undo the revocations of these allocations, in one transaction; return a result for each.

    Best effort, the latest revocation first: a refusal does not affect the others.
    """
    pool_ids = set(Allocation.objects.filter(pk__in_array=allocation_ids).values_list("pool_id", flat=True))
    # Lock order: pool → allocation → key.
    pools = {pool.pk: pool for pool in Pool.objects.locked().prefetch_related("entitlement").filter(pk__in=pool_ids)}
    allocations, results = lock_allocations(allocation_ids)
    revoked = [allocation for allocation in allocations.values() if allocation.revoked_at is not None]
    mailing.hold_back(ALLOCATION_TOPIC, [allocation.pk for allocation in revoked])
    refusals = _find_refusals(revoked, pools, at)
    results += [AllocationActionResult(number, refusals.get(number)) for number in allocations]
    if restorable := [allocation for allocation in revoked if allocation.pk not in refusals]:
        _apply(restorable, by=by, at=at)
    return results


def _find_refusals(
    revoked: Collection[Allocation], pools: dict[int, Pool], at: datetime.datetime
) -> dict[int, DomainError]:
    """Return by allocation why its revocation cannot be undone, for those where it cannot."""
    notified = find_notified_ids([allocation.pk for allocation in revoked])
    schools = [allocation.school_id for allocation in revoked]
    active = Allocation.objects.active().filter(pool_id__in=list(pools), school_id__in_array=schools)
    served = set(active.values_list("pool_id", "school_id"))
    free = {pool.pk: pool.free for pool in pools.values()}
    refusals: dict[int, DomainError] = {}
    for allocation in sorted(revoked, key=_get_moment, reverse=True):
        pool, place = pools[allocation.pool_id], (allocation.pool_id, allocation.school_id)
        try:
            _check_in_time(allocation, at, is_notified=allocation.pk in notified)
            checks.check_open(pool.entitlement, at)
            if place in served:
                raise Refusal(
                    "school_served_again",
                    "L'école a depuis une autre clé de ce lot : ajoutez-lui des licences, cette clé les portera.",
                )
            if allocation.units > free[pool.pk]:
                raise pool_exhausted_error(
                    pool, free[pool.pk], allocation.units, "Les licences reprises ont été données depuis."
                )
        except DomainError as refusal:
            refusals[allocation.pk] = refusal
        else:
            served.add(place)
            free[pool.pk] -= allocation.units
    return refusals


def _get_moment(allocation: Allocation) -> tuple[datetime.datetime, int]:
    assert allocation.revoked_at is not None  # noqa: S101 - only revoked ones are asked
    return allocation.revoked_at, allocation.pk


def _check_in_time(allocation: Allocation, at: datetime.datetime, *, is_notified: bool) -> None:
    """Raise `Refusal` where the time to undo is over, or the school was told of the revocation."""
    moment, _ = _get_moment(allocation)
    if is_notified or at >= moment + RESTORABLE_FOR:
        raise Refusal(
            "restoration_too_late",
            f"Cette attribution a été reprise le {formatting.long_moment(timezone.localtime(moment))} : une reprise "
            "s'annule pendant une heure. Vous pouvez lui attribuer de nouveau des licences, avec une autre clé.",
        )


def _apply(allocations: Sequence[Allocation], *, by: User | None, at: datetime.datetime) -> None:
    allocation_ids = [allocation.pk for allocation in allocations]
    Allocation.objects.filter(pk__in_array=allocation_ids).update(revoked_at=None, revoked_by_id=None)
    ActivationKey.objects.filter(pk__in_array=[allocation.key_id for allocation in allocations]).update(revoked_at=None)
    taken: Counter[int] = Counter()
    for allocation in allocations:
        taken[allocation.pool_id] += allocation.units
    for pool_id, units in sorted(taken.items()):
        # F(), and the database's CHECK, as in `allocate_many`.
        Pool.objects.filter(pk=pool_id).update(allocated=F("allocated") + units)
    mailing.cancel(ALLOCATION_TOPIC, allocation_ids, at)
    queue_again(allocations, at)
    summaries = [(allocation, describe_restoration(allocation)) for allocation in allocations]
    record_allocations("pools.revocation_undone", summaries, by=by, at=at)
    webhooks.emit(events=events.build_events(PoolEvent.ALLOCATION_RESTORED, allocations), at=at)


def queue_again(
    allocations: Sequence[Allocation], at: datetime.datetime, *, undone: Collection[datetime.datetime] = ()
) -> None:
    """Queue anew the e-mails that an act had stopped which is undone, each for its day.

    `undone`: moments of acts that were undone, whose own e-mails count for nothing.
    """
    outgoing: dict[datetime.datetime, list[mailing.NewMessage]] = defaultdict(list)
    by_number = {allocation.pk: allocation for allocation in allocations}
    for stopped in list_stopped_emails(list(by_number), undone=undone):
        message = build_message(by_number[stopped.topic_id or 0], stopped.kind, stopped.context)
        outgoing[max(stopped.due_at, at)].append(message)
    for due_at, messages in sorted(outgoing.items()):
        mailing.enqueue_many(messages, at=at, due_at=due_at)
