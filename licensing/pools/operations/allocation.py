"""Allocate licences of a pool to schools, in a constant number of statements."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from django.db import transaction
from django.db.models import F

from accounts.models import User
from core.connections import connection
from jobs import due
from licensing.entitlements.models import ActivationKey
from licensing.pools import checks, events
from licensing.pools.models import Allocation, Pool
from licensing.pools.operations.allocation_rows import create_allocations, grow_allocations
from licensing.pools.operations.demand_checks import (
    build_error,
    check_demands,
    get_target_schools,
    lock_existing_allocations,
    pool_exhausted_error,
)
from licensing.pools.operations.demands import (
    AllocationOutcome,
    AllocationStage,
    CheckedDemand,
    Demand,
    ProgressCallback,
    TargetSchool,
    no_progress,
)
from licensing.pools.operations.notifications import record_and_notify
from webhooks import operations as webhooks

#: Kind of the due work that `licensing.reminders` does for the e-mails of an allocation, and how long after them.
PLAN_REMINDERS = "reminders.plan"
PLANNING_DELAY = datetime.timedelta(hours=1)


def allocate(
    *,
    pool_id: int,
    uai: str,
    units: int,
    recipient: str,
    by: User | None,
    at: datetime.datetime,
    send_on: datetime.date | None = None,
    import_id: int | None = None,
) -> Allocation:
    """Allocate `units` licences of a pool to a school; e-mail its key to `recipient`, now or on `send_on`.

    A second volume for the same school grows its key (and, once redeemed, its subscription). Returns the school's
    allocation. Raises a `LicensingError`, having changed nothing: pool exhausted, suspended or closed, school unknown
    or closed, bad address, quantity or date.
    """
    outcome = allocate_many(
        pool_id=pool_id,
        demands=[Demand(uai, units, recipient)],
        by=by,
        at=at,
        send_on=send_on,
        import_id=import_id,
    )
    return Allocation.objects.get(pk=outcome.allocations[uai])


@transaction.atomic
def allocate_many(
    *,
    pool_id: int,
    demands: Sequence[Demand],
    by: User | None,
    at: datetime.datetime,
    send_on: datetime.date | None = None,
    import_id: int | None = None,
    known_schools: Sequence[TargetSchool] = (),
    notify_at: datetime.datetime | None = None,
    on_progress: ProgressCallback = no_progress,
) -> AllocationOutcome:
    """Allocate to all the schools or to none, in a constant number of statements.

    A school that already has its total is left unchanged. `import_id`: the import whose rows document the allocations,
    which are then not written to the audit log. `known_schools`: schools just read in this transaction. `notify_at`:
    when the schools are told, in place of `send_on`. `on_progress` is called before each stage; its exceptions roll
    everything back. Raises what `allocate` raises, `DuplicateSchool` where a school is named twice, and `WouldShrink`
    where a total is below what the school has.
    """
    on_progress(AllocationStage.CHECKING, 0, len(demands))
    pool = checks.lock_pool(pool_id)
    checks.check_open(pool.entitlement, at)
    due_at = notify_at or checks.compute_due_at(send_on, entitlement=pool.entitlement, at=at)
    uais = [demand.uai for demand in demands]
    accepted, rejected = [], []
    for checked in check_demands(
        demands, get_target_schools(uais, known_schools), lock_existing_allocations(pool, uais)
    ):
        if isinstance(checked, CheckedDemand):
            accepted.append(checked)
        else:
            rejected.append(checked)
    if rejected:
        raise build_error(rejected)
    units = sum(checked.added for checked in accepted)
    if units > pool.free:
        raise pool_exhausted_error(pool, pool.free, units, "Rien n'a été attribué.")
    return apply_demands(pool, accepted, by=by, at=at, due_at=due_at, import_id=import_id, on_progress=on_progress)


def apply_demands(
    pool: Pool,
    demands: Sequence[CheckedDemand],
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
    _lock_growing_keys(demands)
    changing = [checked for checked in demands if checked.added]
    units = sum(checked.added for checked in changing)
    # F() and not +=: were the lock ever forgotten, the database's own CHECK would still refuse.
    Pool.objects.filter(pk=pool.pk).update(allocated=F("allocated") + units)
    created = [checked for checked in changing if checked.existing is None]
    grown = [checked for checked in changing if checked.existing is not None]
    allocation_ids = {
        checked.demand.uai: checked.existing.allocation_id for checked in demands if checked.existing is not None
    }
    allocation_ids |= create_allocations(pool, created, by=by, at=at, import_id=import_id, on_progress=on_progress)
    grow_allocations(grown, at=at)
    if changing:
        record_and_notify(
            pool, changing, allocation_ids, by=by, at=at, due_at=due_at, import_id=import_id, on_progress=on_progress
        )
        webhooks.emit(
            events=events.build_issued_events(pool, changing, allocation_ids, units=units, import_id=import_id), at=at
        )
        # Last, as it locks the collectivity's row: once the e-mails have left, what follows them is planned.
        due.schedule(PLAN_REMINDERS, connection.schema_name, due_at + PLANNING_DELAY)
    on_progress(AllocationStage.COMMITTING, len(demands), len(demands))
    return AllocationOutcome(
        allocations=allocation_ids,
        units=units,
        created=len(created),
        grown=len(grown),
        unchanged=len(demands) - len(changing),
    )


def _lock_growing_keys(demands: Sequence[CheckedDemand]) -> None:
    """Lock the keys that will grow: a concurrent redemption waits, and then gets the full volume."""
    key_ids = [checked.existing.key_id for checked in demands if checked.existing is not None and checked.added]
    if key_ids:
        list(ActivationKey.objects.locked().filter(pk__in_array=key_ids).values_list("pk", flat=True))
