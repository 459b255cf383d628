"""The net under the outboxes: whatever became of its job, an overdue message is found and sent.

A drain plans its successor, so this finds nothing on ordinary days. It finds what was left by a job that was deleted,
that failed for good, or that was queued in a database restored from a copy.
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

#: An ordinary drain has taken what is due well within this.
OVERDUE = datetime.timedelta(minutes=2)
_TABLE = Message._meta.db_table  # noqa: SLF001 - documented
#: Schemas asked in one statement: it locks a table and its indexes for each.
_SCHEMAS_AT_ONCE = 100


def sweep(*, at: datetime.datetime | None = None) -> list[str]:
    """Queue a drain for each schema whose outbox holds something overdue; return those schemas."""
    found = list(_overdue_schemas(before=(at or timezone.now()) - OVERDUE))
    for schema in found:
        defer_once("mailing.drain", schema=schema, once=f"mailing.drain:{schema}:sweep")
    return found


def _overdue_schemas(*, before: datetime.datetime) -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relname = %s AND c.relkind = 'r' ORDER BY 1",
            [_TABLE],
        )
        schemas = [name for (name,) in cursor.fetchall()]
        for start in range(0, len(schemas), _SCHEMAS_AT_ONCE):
            questions = [
                sql.SQL(
                    "SELECT {name} WHERE EXISTS (SELECT FROM {table} WHERE state IN ('queued', 'deferred', 'sending')"
                    " AND due_at <= {before} AND (state <> 'sending' OR lease_until <= {before}))"
                ).format(
                    name=sql.Literal(schema),
                    table=sql.Identifier(schema, _TABLE),
                    before=sql.Literal(before),
                )
                for schema in schemas[start : start + _SCHEMAS_AT_ONCE]
            ]
            cursor.execute(sql.SQL(" UNION ALL ").join(questions))
            yield from [name for (name,) in cursor.fetchall()]
