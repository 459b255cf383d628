"""« Changer 5 en 4 »: set the number of licences of one allocation, which grows or reduces it."""

from __future__ import annotations

import datetime
from typing import NamedTuple

from django.db import transaction

from accounts.models import User
from core import formatting
from licensing.pools import checks
from licensing.pools.exceptions import UnitsChanged, UnknownAllocation
from licensing.pools.models import Allocation
from licensing.pools.operations.allocation import allocate
from licensing.pools.operations.reduction import Reduction, reduce_many
from licensing.pools.operations.results import revoked_error


class UnitChange(NamedTuple):
    """The licences of an allocation before and after."""

    allocation: Allocation
    before: int
    units: int
    #: Whether an e-mail to the school was queued.
    notified: bool


@transaction.atomic
def set_units(
    *, allocation_id: int, units: int, expected: int | None, by: User | None, at: datetime.datetime
) -> UnitChange:
    """Give a school this number of licences in all from the pool of its allocation; its key stays the same.

    More grow the key, and its subscription once redeemed; fewer return to the pool. Idempotent. `expected`: the number
    that the caller saw, None to change whatever there is. Raises, having changed nothing, `UnitsChanged` where there
    are others by now, `AllocationRevoked`, `UnknownAllocation`, and what `allocate` and `reduce` raise:
    `AllocationRedeemed` for fewer.
    """
    pool_id = Allocation.objects.filter(pk=allocation_id).values_list("pool_id", flat=True).first()
    if pool_id is None:
        raise UnknownAllocation("Cette attribution n'existe pas dans votre collectivité.")
    # The pool first, as all do that change an allocation.
    checks.lock_pool(pool_id)
    allocation = Allocation.objects.locked().select_related("school", "pool").get(pk=allocation_id)
    if allocation.revoked_at is not None:
        raise revoked_error(allocation.revoked_at)
    before = allocation.units
    if units == before:
        return UnitChange(allocation, before, units, notified=False)
    if expected not in (None, before):
        raise UnitsChanged(
            f"Entre-temps, cette attribution est passée à {formatting.pluralize(before, 'licence')} : vérifiez le "
            "nombre, puis enregistrez de nouveau. Rien n'a été changé."
        )
    uai = allocation.school_id
    if units > before:
        allocate(pool_id=pool_id, uai=uai, units=units - before, recipient=allocation.recipient, by=by, at=at)
        return UnitChange(allocation, before, units, notified=True)
    [result] = reduce_many(pool_id=pool_id, reductions=[Reduction(uai, units)], by=by, at=at)
    result.raise_for_refusal()
    return UnitChange(allocation, before, units, notified=result.notified)
