"""Results and errors shared by the bulk operations on allocations."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from licensing.catalogue.operations import day_in_france
from licensing.pools.exceptions import AlreadyRedeemed, AlreadyRevoked, UnknownAllocation
from licensing.pools.models import Allocation
from licensing.subscriptions.models import ActivationKey
from web import arrays, typography

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection

    from licensing.exceptions import Refused


class Result(NamedTuple):
    """Result for one allocation: done unless `refusal` is set."""

    allocation_id: int
    refusal: Refused | None = None
    #: Whether an e-mail to the school was queued.
    told: bool = False

    def or_raise(self) -> None:
        """Raise `refusal`, if any."""
        if self.refusal is not None:
            raise self.refusal


def redeemed(at: datetime.datetime, consequence: str) -> AlreadyRedeemed:
    """Return the error for a redeemed key; `consequence`: the clause on what cannot be done."""
    return AlreadyRedeemed(f"La clé a été activée le {typography.day(day_in_france(at))} : {consequence}.")


def revoked(at: datetime.datetime) -> AlreadyRevoked:
    """Return the error for a revoked allocation."""
    return AlreadyRevoked(
        f"Cette attribution a été reprise le {typography.day(day_in_france(at))} : sa clé ne vaut plus rien."
    )


def locked(allocation_ids: Collection[int]) -> tuple[dict[int, Allocation], list[Result]]:
    """Lock allocations, then their keys; return them by primary key, and results for missing ones.

    Each comes with its locked key. A caller that changes a pool has locked it before.
    """
    allocations = {
        allocation.pk: allocation
        for allocation in Allocation.objects.locked()
        .select_related("pool__source", "school")
        .filter(arrays.number_in("pk", allocation_ids))
    }
    # Locking the keys excludes concurrent redemptions.
    keys = {
        key.pk: key
        for key in ActivationKey.objects.locked().filter(
            arrays.number_in("pk", (allocation.key_id for allocation in allocations.values()))
        )
    }
    for allocation in allocations.values():
        allocation.key = keys[allocation.key_id]
    missing = [
        Result(allocation_id, UnknownAllocation("Cette attribution n'existe pas dans votre collectivité."))
        for allocation_id in dict.fromkeys(allocation_ids)
        if allocation_id not in allocations
    ]
    return allocations, missing
