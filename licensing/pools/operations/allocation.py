"""Allocate licences of a pool to schools, in a constant number of statements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from licensing.pools import checks
from licensing.pools.models import Allocation
from licensing.pools.operations.allocation_rows import AllocationStep, Demand, TargetSchool
from licensing.pools.operations.apply_steps import AllocationOutcome, apply_steps
from licensing.pools.operations.demand_checks import (
    build_error,
    check_demands,
    get_target_schools,
    lock_existing_allocations,
    pool_exhausted_error,
)
from licensing.pools.operations.progress import AllocationStage, no_progress

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from accounts.models import User
    from licensing.pools.operations.progress import ProgressCallback


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
    allocation. Raises a `Refused`, having changed nothing: pool exhausted, suspended or closed, school unknown or
    closed, bad address, quantity or date.
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
    on_progress: ProgressCallback = no_progress,
) -> AllocationOutcome:
    """Allocate to all the schools or to none, in a constant number of statements.

    A school that already has its total is left unchanged. `import_id`: the import whose rows document the allocations,
    which are then not written to the audit log. `known`: schools just read in this transaction. `watch` is called
    before each stage; its exceptions roll everything back. Raises what `allocate` raises, `SchoolTwice` where a school
    is named twice, and `WouldShrink` where a total is below what the school has.
    """
    on_progress(AllocationStage.CHECKING, 0, len(demands))
    pool = checks.lock_pool(pool_id)
    checks.check_open(pool.entitlement, at)
    due_at = checks.compute_due_at(send_on, entitlement=pool.entitlement, at=at)
    uais = [demand.uai for demand in demands]
    steps, rejected = [], []
    for checked in check_demands(
        demands, get_target_schools(uais, known_schools), lock_existing_allocations(pool, uais)
    ):
        if isinstance(checked, AllocationStep):
            steps.append(checked)
        else:
            rejected.append(checked)
    if rejected:
        raise build_error(rejected)
    units = sum(step.added for step in steps)
    if units > pool.free:
        raise pool_exhausted_error(pool, pool.free, units, "Rien n'a été attribué.")
    return apply_steps(pool, steps, by=by, at=at, due_at=due_at, import_id=import_id, on_progress=on_progress)
