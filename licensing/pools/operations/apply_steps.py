"""Apply checked demands, in a constant number of statements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import F

from licensing.entitlements.models import ActivationKey
from licensing.pools import events
from licensing.pools.models import Pool
from licensing.pools.operations.allocation_rows import create_allocations, grow_allocations
from licensing.pools.operations.notifications import record_and_notify
from licensing.pools.operations.progress import AllocationStage, no_progress
from webhooks import operations as webhooks

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from accounts.models import User
    from licensing.pools.operations.allocation_rows import AllocationStep
    from licensing.pools.operations.progress import ProgressCallback


@dataclass(frozen=True, slots=True)
class AllocationOutcome:
    """Result of applying demands: the allocation of each school, and totals."""

    #: Primary keys by UAI, including schools that had their total already.
    allocations: dict[str, int]
    units: int
    created: int
    grown: int
    unchanged: int


def apply_steps(
    pool: Pool,
    steps: Sequence[AllocationStep],
    *,
    by: User | None,
    at: datetime.datetime,
    due_at: datetime.datetime,
    import_id: int | None = None,
    on_progress: ProgressCallback = no_progress,
) -> AllocationOutcome:
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
    allocation_ids |= create_allocations(pool, created, by=by, at=at, import_id=import_id, on_progress=on_progress)
    grow_allocations(grown, at=at)
    if changing:
        record_and_notify(
            pool, changing, allocation_ids, by=by, at=at, due_at=due_at, import_id=import_id, on_progress=on_progress
        )
        webhooks.emit(
            events=events.build_issued_events(pool, changing, allocation_ids, units=units, import_id=import_id), at=at
        )
    on_progress(AllocationStage.COMMITTING, len(steps), len(steps))
    return AllocationOutcome(
        allocations=allocation_ids,
        units=units,
        created=len(created),
        grown=len(grown),
        unchanged=len(steps) - len(changing),
    )


def _lock_growing_keys(steps: Sequence[AllocationStep]) -> None:
    """Lock the keys that will grow: a concurrent redemption waits, and then gets the full volume."""
    key_ids = [step.held.key_id for step in steps if step.held is not None and step.added]
    if key_ids:
        list(ActivationKey.objects.locked().filter(pk__in_array=key_ids).values_list("pk", flat=True))
