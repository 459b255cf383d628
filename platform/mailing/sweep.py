"""Periodic task: requeue the drain of outboxes with overdue messages.

A drain schedules the next one, so normally nothing is overdue. This finds the messages whose job was deleted, failed
for good, or was lost in a database restore.
"""

from __future__ import annotations

import datetime

from psycopg import sql

from core.database_clock import DatabaseClock
from core.schemas import query_schemas_with
from jobs.tasks import defer_once
from mailing.models import Message

#: A working drain claims due messages well within this.
OVERDUE = datetime.timedelta(minutes=2)
_TABLE = Message._meta.db_table  # noqa: SLF001 - documented
_OVERDUE_SCHEMAS = sql.SQL(
    "SELECT {name} WHERE EXISTS (SELECT FROM {schema}.mailing_message WHERE state IN ('queued', 'deferred', 'sending')"
    " AND due_at <= {before} AND (state <> 'sending' OR lease_until <= {before}))"
)


def sweep(*, at: datetime.datetime | None = None) -> list[str]:
    """Queue a drain for each schema with overdue messages; return those schemas."""
    before = (at or DatabaseClock()()) - OVERDUE
    overdue = [schema for (schema,) in query_schemas_with(_TABLE, _OVERDUE_SCHEMAS, before=before)]
    for schema in overdue:
        defer_once("mailing.drain", schema=schema, queueing_lock=f"mailing.drain:{schema}:sweep")
    return overdue
