"""Whether what is kept for a time is deleted after it: so the operator learns that the deleting stands still."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from core import formatting
from jobs import retention

RETENTION_RULE = (
    "retention",
    "69. Rien n'est gardé plus longtemps que prévu, à une semaine près",
)


def find_retention_violations(now: datetime.datetime) -> Iterator[str]:
    """Yield a French sentence for each table of the current schema with rows that should long be deleted."""
    for table, count in retention.find_overdue(at=now):
        yield f"{table} : {formatting.pluralize(count, 'ligne')} de trop"
