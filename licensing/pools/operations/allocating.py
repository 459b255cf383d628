"""Allocate licences of a pool to schools, in a constant number of statements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from licensing.pools import checks
from licensing.pools.models import Allocation
from licensing.pools.operations.carrying import Outcome, carry_out
from licensing.pools.operations.giving import Demand, Step, Target
from licensing.pools.operations.judging import exhausted, held_of, judged, refusal_of, targets
from licensing.pools.operations.watching import Stage, unwatched

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from accounts.models import User
    from licensing.pools.operations.watching import Watch


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
    known: Sequence[Target] = (),
    watch: Watch = unwatched,
) -> Outcome:
    """Allocate to all the schools or to none, in a constant number of statements.

    A school that already has its total is left unchanged. `import_id`: the import whose rows document the allocations,
    which are then not written to the audit log. `known`: schools just read in this transaction. `watch` is called
    before each stage; its exceptions roll everything back. Raises what `allocate` raises, `SchoolTwice` where a school
    is named twice, and `WouldShrink` where a total is below what the school has.
    """
    watch(Stage.CHECKING, 0, len(demands))
    pool = checks.locked_pool(pool_id)
    checks.check_open(pool.source, at)
    due_at = checks.due(send_on, source=pool.source, at=at)
    uais = [demand.uai for demand in demands]
    steps, rejected = [], []
    for checked in judged(demands, targets(uais, known), held_of(pool, uais)):
        if isinstance(checked, Step):
            steps.append(checked)
        else:
            rejected.append(checked)
    if rejected:
        raise refusal_of(rejected)
    units = sum(step.added for step in steps)
    if units > pool.free:
        raise exhausted(pool, pool.free, units, "Rien n'a été attribué.")
    return carry_out(pool, steps, by=by, at=at, due_at=due_at, import_id=import_id, watch=watch)
