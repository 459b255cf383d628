"""Results and errors shared by the bulk operations on allocations."""

from __future__ import annotations

import datetime
from collections.abc import Collection
from typing import NamedTuple

from core import formatting
from core.calendar import date_in_paris
from licensing.entitlements.models import ActivationKey
from licensing.exceptions import LicensingError
from licensing.pools.exceptions import AllocationRedeemed, AllocationRevoked, UnknownAllocation
from licensing.pools.models import Allocation


class AllocationActionResult(NamedTuple):
    """Result for one allocation: done unless `refusal` is set."""

    allocation_id: int
    refusal: LicensingError | None = None
    #: Whether an e-mail to the school was queued.
    notified: bool = False

    def raise_for_refusal(self) -> None:
        """Raise `refusal`, if any."""
        if self.refusal is not None:
            raise self.refusal


def redeemed_error(at: datetime.datetime, consequence: str) -> AllocationRedeemed:
    """Return the error for a redeemed key; `consequence`: the clause on what cannot be done."""
    return AllocationRedeemed(f"La clé a été activée le {formatting.long_date(date_in_paris(at))} : {consequence}.")


def revoked_error(at: datetime.datetime) -> AllocationRevoked:
    """Return the error for a revoked allocation."""
    return AllocationRevoked(
        f"Cette attribution a été reprise le {formatting.long_date(date_in_paris(at))} : sa clé ne vaut plus rien."
    )


def lock_allocations(allocation_ids: Collection[int]) -> tuple[dict[int, Allocation], list[AllocationActionResult]]:
    """Lock allocations, then their keys; return them by primary key, and results for missing ones.

    Each comes with its locked key. A caller that changes a pool has locked it before.
    """
    allocations = {
        allocation.pk: allocation
        for allocation in Allocation.objects.locked()
        .select_related("pool", "school")
        .prefetch_related("pool__entitlement")
        .filter(pk__in_array=allocation_ids)
    }
    # Locking the keys excludes concurrent redemptions.
    keys = {
        key.pk: key
        for key in ActivationKey.objects.locked().filter(
            pk__in_array=[allocation.key_id for allocation in allocations.values()]
        )
    }
    for allocation in allocations.values():
        allocation.key = keys[allocation.key_id]
    missing = [
        AllocationActionResult(
            allocation_id, UnknownAllocation("Cette attribution n'existe pas dans votre collectivité.")
        )
        for allocation_id in dict.fromkeys(allocation_ids)
        if allocation_id not in allocations
    ]
    return allocations, missing
