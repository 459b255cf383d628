"""The journal's lines about allocations."""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from accounts.models import User
from collectivities import audit_log
from licensing.pools.models import Allocation


def record_allocations(
    action: str, summaries: Iterable[tuple[Allocation, str]], *, by: User | None, at: datetime.datetime
) -> None:
    """Record an act on each of these allocations, with its summary. One COPY."""
    entries = (
        audit_log.NewAuditEntry(action, summary, allocation.school_id, "allocation", allocation.pk)
        for allocation, summary in summaries
    )
    audit_log.record_many(entries, by=by, at=at)
