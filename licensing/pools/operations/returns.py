"""Licences of a redeemed key that its school gives back, and takes again: between the lot and the key.

Who may, and what is told to whom, is decided above: `licensing.returns`.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import NamedTuple

from django.db import transaction
from django.db.models import F

from collectivities import audit_log
from licensing.entitlements.key_units import grow_many
from licensing.entitlements.models import ActivationKey
from licensing.entitlements.seat_removal import remove_seats
from licensing.pools import checks, events
from licensing.pools.exceptions import UnknownAllocation
from licensing.pools.models import Allocation, Pool
from licensing.pools.operations.demand_checks import pool_exhausted_error
from webhooks import operations as webhooks


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
    # F() and not -=: were the lock ever forgotten, the sums would still agree.
    Pool.objects.filter(pk=pool.pk).update(allocated=F("allocated") - units)
    _record("pools.returned", allocation, summarise(left), at)
    webhooks.emit(events=events.build_returned_events(allocation, units=left, returned=units), at=at)
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
    _record("pools.return_undone", allocation, summarise(total), at)
    webhooks.emit(events=events.build_grown_events(pool, allocation, units=total, added=units), at=at)
    return total


def _record(action: str, allocation: Allocation, summary: str, at: datetime.datetime) -> None:
    # By nobody: the office is told what the school did, not who in it.
    audit_log.record(
        action=action,
        by=None,
        at=at,
        summary=summary,
        school_id=allocation.school_id,
        object_type="allocation",
        object_id=allocation.pk,
    )
