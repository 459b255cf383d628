"""Bulk creation and growth of allocations with their keys, in a constant number of statements.

The caller has locked the pool and checked the demands.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from django.db.models import Q

from accounts.models import User
from core.connections import connection
from core.copy_rows import copy_rows, reserve_ids
from licensing.entitlements.key_minting import mint
from licensing.entitlements.key_units import grow_many
from licensing.entitlements.models import ActivationKey
from licensing.pools.models import ALLOCATION_TOPIC, Allocation, Pool
from licensing.pools.operations.demands import AllocationStage, CheckedDemand, ProgressCallback
from mailing import operations as mailing

_COLUMNS = {
    "id": "int8",
    "pool_id": "int8",
    "school_id": "varchar",
    "key_id": "int8",
    "units": "int4",
    "recipient": "varchar",
    "created_at": "timestamptz",
    "created_by_id": "int8",
    "import_id": "int8",
}


def create_allocations(
    pool: Pool,
    demands: Sequence[CheckedDemand],
    *,
    by: User | None,
    at: datetime.datetime,
    import_id: int | None,
    on_progress: ProgressCallback,
) -> dict[str, int]:
    """Create a key and an allocation for each school; return the allocations' primary keys by UAI."""
    if not demands:
        return {}
    on_progress(AllocationStage.KEYS, 0, len(demands))
    key_ids = mint(
        entitlement=pool.entitlement,
        prefix=pool.entitlement.collectivity.key_prefix if pool.entitlement.collectivity else "",
        demands=[(checked.demand.uai, checked.added, checked.exposes_key) for checked in demands],
        at=at,
    )
    on_progress(AllocationStage.ALLOCATIONS, 0, len(demands))
    table = connection.ops.quote_name(Allocation._meta.db_table)  # noqa: SLF001 - documented API
    pool_id, by_id = pool.pk, by.pk if by else None
    allocation_ids = reserve_ids(table, len(demands))
    copy_rows(
        table,
        _COLUMNS,
        (
            (allocation_id, pool_id, demand.uai, key_id, added, demand.recipient, at, by_id, import_id)
            for allocation_id, key_id, (demand, _, added, _) in zip(allocation_ids, key_ids, demands, strict=True)
        ),
    )
    return {checked.demand.uai: allocation_id for allocation_id, checked in zip(allocation_ids, demands, strict=True)}


def grow_allocations(demands: Sequence[CheckedDemand], *, at: datetime.datetime) -> None:
    """Add units to existing allocations, their keys, and the seats of redeemed keys."""
    grown = [(checked.existing, checked) for checked in demands if checked.existing is not None]
    if not grown:
        return
    table = connection.ops.quote_name(Allocation._meta.db_table)  # noqa: SLF001 - documented API
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} AS allocation SET units = allocation.units + grown.units, recipient = grown.recipient,"  # noqa: S608
            " grown_at = %s"
            " FROM unnest(%s::bigint[], %s::int[], %s::text[]) AS grown (id, units, recipient)"
            " WHERE allocation.id = grown.id",
            [
                at,
                [existing.allocation_id for existing, _ in grown],
                [checked.added for _, checked in grown],
                [checked.demand.recipient for _, checked in grown],
            ],
        )
    grow_many(
        {existing.key_id: checked.added for existing, checked in grown},
        readdressed=[existing.key_id for existing, checked in grown if existing.recipient != checked.demand.recipient],
    )
    exposed = Q(pk__in_array=[existing.key_id for existing, checked in grown if checked.exposes_key])
    ActivationKey.objects.filter(exposed, exposed_at=None).update(exposed_at=at)
    # The new e-mail states the total: pending e-mails about these keys are cancelled.
    mailing.cancel(ALLOCATION_TOPIC, [existing.allocation_id for existing, _ in grown], at)
