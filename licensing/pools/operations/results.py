"""What became of each allocation in a bulk operation."""

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
    """One allocation's result: done where there is no refusal."""

    allocation_id: int
    refusal: Refused | None = None
    #: Whether an e-mail corrects what the school was written.
    told: bool = False

    def or_raise(self) -> None:
        """Raise the refusal, where there is one."""
        if self.refusal is not None:
            raise self.refusal


def redeemed(at: datetime.datetime, so: str) -> AlreadyRedeemed:
    """Return the refusal for a key that was redeemed; `so` says what therefore cannot be done."""
    return AlreadyRedeemed(f"La clé a été activée le {typography.day(day_in_france(at))} : {so}.")


def revoked(at: datetime.datetime) -> AlreadyRevoked:
    """Return the refusal for an allocation that was taken back."""
    return AlreadyRevoked(
        f"Cette attribution a été reprise le {typography.day(day_in_france(at))} : sa clé ne vaut plus rien."
    )


def locked(allocation_ids: Collection[int]) -> tuple[dict[int, Allocation], list[Result]]:
    """Lock allocations, then their keys; return them by number, each with its key as it is now, and who is missing.

    A caller that changes a pool has locked it before.
    """
    allocations = {
        allocation.pk: allocation
        for allocation in Allocation.objects.locked()
        .select_related("pool__source", "school")
        .filter(arrays.number_in("pk", allocation_ids))
    }
    # Locking the keys as well shuts out the principals who are typing them at this moment.
    keys = {
        key.pk: key
        for key in ActivationKey.objects.locked().filter(
            arrays.number_in("pk", (allocation.key_id for allocation in allocations.values()))
        )
    }
    for allocation in allocations.values():
        allocation.key = keys[allocation.key_id]
    missing = [
        Result(number, UnknownAllocation("Cette attribution n'existe pas dans votre collectivité."))
        for number in dict.fromkeys(allocation_ids)
        if number not in allocations
    ]
    return allocations, missing
