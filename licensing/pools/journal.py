"""The journal's lines about pools and allocations."""

import datetime
from collections.abc import Iterable

from accounts.models import User
from collectivities import audit_log
from licensing.pools.models import Allocation, Pool


def record_pool(action: str, pool: Pool, summary: str, *, by: User | None, at: datetime.datetime) -> None:
    """Record an act on a pool."""
    audit_log.record(action=action, by=by, at=at, summary=summary, object_type="pool", object_id=pool.pk)


def record_allocations(
    action: str, summaries: Iterable[tuple[Allocation, str]], *, by: User | None, at: datetime.datetime
) -> None:
    """Record an act on each of these allocations, with its summary. One COPY."""
    entries = (
        audit_log.NewAuditEntry(action, summary, allocation.school_id, "allocation", allocation.pk)
        for allocation, summary in summaries
    )
    audit_log.record_many(entries, by=by, at=at)
