"""Periodic task: requeue the drain of outboxes with overdue messages.

A drain schedules the next one, so normally nothing is overdue. This finds the messages whose job was deleted, failed
for good, or was lost in a database restore.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from django.db import connection
from django.utils import timezone
from psycopg import sql

from jobs.tasks import defer_once
from mailing.models import Message

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A working drain claims due messages well within this.
OVERDUE = datetime.timedelta(minutes=2)
_TABLE = Message._meta.db_table  # noqa: SLF001 - documented
#: Schemas per UNION ALL statement, which locks a table and its indexes in each schema.
_SCHEMAS_PER_QUERY = 100


def sweep(*, at: datetime.datetime | None = None) -> list[str]:
    """Queue a drain for each schema with overdue messages; return those schemas."""
    overdue = list(_overdue_schemas(before=(at or timezone.now()) - OVERDUE))
    for schema in overdue:
        defer_once("mailing.drain", schema=schema, queueing_lock=f"mailing.drain:{schema}:sweep")
    return overdue


def _overdue_schemas(*, before: datetime.datetime) -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relname = %s AND c.relkind = 'r' ORDER BY 1",
            [_TABLE],
        )
        schemas = [name for (name,) in cursor.fetchall()]
        for start in range(0, len(schemas), _SCHEMAS_PER_QUERY):
            statements = [
                sql.SQL(
                    "SELECT {name} WHERE EXISTS (SELECT FROM {table} WHERE state IN ('queued', 'deferred', 'sending')"
                    " AND due_at <= {before} AND (state <> 'sending' OR lease_until <= {before}))"
                ).format(
                    name=sql.Literal(schema),
                    table=sql.Identifier(schema, _TABLE),
                    before=sql.Literal(before),
                )
                for schema in schemas[start : start + _SCHEMAS_PER_QUERY]
            ]
            cursor.execute(sql.SQL(" UNION ALL ").join(statements))
            yield from [name for (name,) in cursor.fetchall()]
