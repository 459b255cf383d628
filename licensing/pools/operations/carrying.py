"""Apply checked demands, in a constant number of statements."""

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
    """Result of applying demands: the allocation of each school, and totals."""

    #: Primary keys by UAI, including schools that had their total already.
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
    """Take the units from the pool, allocate them, and queue the notifications.

    The caller has locked the pool and checked that it has enough. A school to which nothing is added is left unchanged.
    """
    _lock_growing_keys(steps)
    changing = [step for step in steps if step.added]
    units = sum(step.added for step in changing)
    # F() and not +=: were the lock ever forgotten, the database's own CHECK would still refuse.
    Pool.objects.filter(pk=pool.pk).update(allocated=F("allocated") + units)
    created = [step for step in changing if step.held is None]
    grown = [step for step in changing if step.held is not None]
    allocation_ids = {step.demand.uai: step.held.allocation_id for step in steps if step.held is not None}
    allocation_ids |= create(pool, created, by=by, at=at, import_id=import_id, watch=watch)
    grow(grown, at=at)
    if changing:
        tell_given(pool, changing, allocation_ids, by=by, at=at, due_at=due_at, import_id=import_id, watch=watch)
        webhooks.emit(events=events.given(pool, changing, allocation_ids, units=units, import_id=import_id), at=at)
    watch(Stage.COMMITTING, len(steps), len(steps))
    return Outcome(
        allocations=allocation_ids,
        units=units,
        created=len(created),
        grown=len(grown),
        unchanged=len(steps) - len(changing),
    )


def _lock_growing_keys(steps: Sequence[Step]) -> None:
    """Lock the keys that will grow: a concurrent redemption waits, and then gets the full volume."""
    key_ids = [step.held.key_id for step in steps if step.held is not None and step.added]
    if key_ids:
        list(ActivationKey.objects.locked().filter(arrays.number_in("pk", key_ids)).values_list("pk", flat=True))
