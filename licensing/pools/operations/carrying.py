"""Carrying out what was judged: the same statements for one school and for sixty thousand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import F

from licensing.pools import events
from licensing.pools.models import Pool
from licensing.pools.operations.giving import create, grow
from licensing.pools.operations.telling import tell_given
from licensing.pools.operations.watching import Stage, unwatched
from licensing.subscriptions.models import ActivationKey
from web import arrays
from webhooks import operations as webhooks

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from accounts.models import User
    from licensing.pools.operations.giving import Step
    from licensing.pools.operations.watching import Watch


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done: the allocation of each school, and how many licences left the pool."""

    #: The allocation's number by UAI, also of the schools that had their total already.
    allocations: dict[str, int]
    units: int
    created: int
    grown: int
    unchanged: int


def carry_out(
    pool: Pool,
    steps: Sequence[Step],
    *,
    by: User | None,
    at: datetime.datetime,
    due_at: datetime.datetime,
    import_id: int | None = None,
    watch: Watch = unwatched,
) -> Outcome:
    """Take the units out of the pool, which the caller has locked and which has them; give, and tell of it.

    A school to which nothing is added is left as it is.
    """
    _check_keys_still_grow(steps)
    moving = [step for step in steps if step.added]
    units = sum(step.added for step in moving)
    # F() and not +=: were the lock ever forgotten, the database's own CHECK would still refuse.
    Pool.objects.filter(pk=pool.pk).update(allocated=F("allocated") + units)
    created = [step for step in moving if step.held is None]
    grown = [step for step in moving if step.held is not None]
    numbers = {step.demand.uai: step.held.allocation_id for step in steps if step.held is not None}
    numbers |= create(pool, created, by=by, at=at, import_id=import_id, watch=watch)
    grow(grown, at=at)
    if moving:
        tell_given(pool, moving, numbers, by=by, at=at, due_at=due_at, import_id=import_id, watch=watch)
        webhooks.emit(events=events.given(pool, moving, numbers, units=units, import_id=import_id), at=at)
    watch(Stage.COMMITTING, len(steps), len(steps))
    return Outcome(
        allocations=numbers,
        units=units,
        created=len(created),
        grown=len(grown),
        unchanged=len(steps) - len(moving),
    )


def _check_keys_still_grow(steps: Sequence[Step]) -> None:
    """Lock the keys that will grow: a principal who redeems one at this moment waits, and gets the whole volume."""
    key_ids = [step.held.key_id for step in steps if step.held is not None and step.added]
    if key_ids:
        list(ActivationKey.objects.locked().filter(arrays.number_in("pk", key_ids)).values_list("pk", flat=True))
