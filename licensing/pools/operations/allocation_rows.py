"""Bulk creation and growth of allocations with their keys, in a constant number of statements.

The caller has locked the pool and checked the demands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.db import connection
from django.db.models import Q

from core.sequences import reserve_ids
from licensing.entitlements.key_minting import mint
from licensing.entitlements.key_units import grow_many
from licensing.entitlements.models import ActivationKey
from licensing.pools import checks
from licensing.pools.models import ALLOCATION_TOPIC, Allocation
from licensing.pools.operations.progress import AllocationStage
from mailing import operations as mailing

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from accounts.models import User
    from licensing.pools.models import Pool
    from licensing.pools.operations.progress import ProgressCallback


class Demand(NamedTuple):
    """Units for one school. With `total`, `units` is the resulting total instead of an addition."""

    uai: str
    units: int
    recipient: str
    total: bool = False


class TargetSchool(NamedTuple):
    """A school to allocate to: its columns in the directory."""

    uai: str
    name: str
    mailbox: str
    state: str


class ExistingAllocation(NamedTuple):
    """The allocation that a school already has from the pool."""

    allocation_id: int
    key_id: int
    units: int


class AllocationStep(NamedTuple):
    """A checked demand: units to add to the school's allocation, or to a new one."""

    demand: Demand
    school: TargetSchool
    added: int
    held: ExistingAllocation | None

    @property
    def exposes(self) -> bool:
        """Whether somebody besides the school's official mailbox will know the key."""
        return not checks.is_official_mailbox(self.demand.recipient, self.school.mailbox)


def create_allocations(
    pool: Pool,
    steps: Sequence[AllocationStep],
    *,
    by: User | None,
    at: datetime.datetime,
    import_id: int | None,
    on_progress: ProgressCallback,
) -> dict[str, int]:
    """Create a key and an allocation for each school; return the allocations' primary keys by UAI."""
    if not steps:
        return {}
    on_progress(AllocationStage.KEYS, 0, len(steps))
    key_ids = mint(
        entitlement=pool.entitlement,
        prefix=pool.entitlement.collectivity.key_prefix if pool.entitlement.collectivity else "",
        demands=[(step.demand.uai, step.added, step.exposes) for step in steps],
        at=at,
    )
    on_progress(AllocationStage.ALLOCATIONS, 0, len(steps))
    table = connection.ops.quote_name(Allocation._meta.db_table)  # noqa: SLF001 - documented API
    columns = "id, pool_id, school_id, key_id, units, recipient, created_at, created_by_id, import_id"
    pool_id, by_id = pool.pk, by.pk if by else None
    allocation_ids = reserve_ids(table, len(steps))
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} ({columns}) FROM STDIN (FORMAT binary)") as copy,
    ):
        copy.set_types(["int8", "int8", "varchar", "int8", "int4", "varchar", "timestamptz", "int8", "int8"])
        for allocation_id, key_id, (demand, _, added, _) in zip(allocation_ids, key_ids, steps, strict=True):
            copy.write_row((allocation_id, pool_id, demand.uai, key_id, added, demand.recipient, at, by_id, import_id))
    return {step.demand.uai: allocation_id for allocation_id, step in zip(allocation_ids, steps, strict=True)}


def grow_allocations(steps: Sequence[AllocationStep], *, at: datetime.datetime) -> None:
    """Add units to existing allocations, their keys, and the seats of redeemed keys."""
    existing = [(step.held, step) for step in steps if step.held is not None]
    if not existing:
        return
    table = connection.ops.quote_name(Allocation._meta.db_table)  # noqa: SLF001 - documented API
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} AS allocation SET units = allocation.units + grown.units, recipient = grown.recipient"  # noqa: S608
            " FROM unnest(%s::bigint[], %s::int[], %s::text[]) AS grown (id, units, recipient)"
            " WHERE allocation.id = grown.id",
            [
                [held.allocation_id for held, _ in existing],
                [step.added for _, step in existing],
                [step.demand.recipient for _, step in existing],
            ],
        )
    grow_many({held.key_id: step.added for held, step in existing})
    exposed = Q(pk__in_array=[held.key_id for held, step in existing if step.exposes])
    ActivationKey.objects.filter(exposed, exposed_at=None).update(exposed_at=at)
    # The new e-mail states the total: pending e-mails about these keys are cancelled.
    mailing.cancel(ALLOCATION_TOPIC, [held.allocation_id for held, _ in existing], at)
