"""Notices sendings of which a large share did not arrive: once each, soon after, in sets and not with each message.

A sending is the messages of one kind that were queued at one moment: an import, a bulk allocation, a day's reminders.
Whoever notes that a message is lost has the outbox looked at some minutes later; one statement then counts all its
sendings.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import Any

from django.db import transaction

from bounces.models import FailedSending
from core.public_rows import PublicRows
from core.registry import Registry
from core.tenant_connection import connection
from jobs import due
from mailing.models import LOST, Message, MessageState

#: Kind of the due work that looks.
CHECK_SENDINGS = "mailing.check_sendings"
#: Fewer lost messages are single addresses to correct; a smaller share is what any list of schools has.
MIN_LOST, MIN_SHARE_PERCENT = 10, 20
#: Between a loss and the look: reports of one sending arrive together, and are told together.
CHECK_DELAY = datetime.timedelta(minutes=5)
#: What a message has become that a server took, or will never take.
HANDLED = (MessageState.SENT, MessageState.DELIVERED, *LOST)

_MESSAGES, _SENDINGS = Message._meta.db_table, f"public.{FailedSending._meta.db_table}"  # noqa: SLF001 - documented
_NOTED = PublicRows(
    "noted",
    {"kind": "text", "queued_at": "timestamptz"},
    f"SELECT kind, queued_at FROM {_SENDINGS} WHERE schema = %(schema)s",  # noqa: S608 - the table's own name
)
# Lost messages have an index: the first part reads few rows. The second reads the outbox once, for what it named.
_COUNT = f"""
WITH {_NOTED.cte},
suspect AS (
    SELECT kind, created_at FROM {_MESSAGES}
    WHERE state = ANY(%(lost)s) GROUP BY kind, created_at HAVING count(*) >= %(min_lost)s
),
counted AS (
    SELECT message.kind, message.created_at, count(*) AS handled,
           count(*) FILTER (WHERE message.state = ANY(%(lost)s)) AS lost
    FROM {_MESSAGES} AS message
    JOIN suspect ON suspect.kind = message.kind AND suspect.created_at = message.created_at
    WHERE message.state = ANY(%(handled)s) AND NOT EXISTS (
        SELECT FROM noted WHERE noted.kind = message.kind AND noted.queued_at = message.created_at
    )
    GROUP BY message.kind, message.created_at
)
SELECT kind, created_at, handled, lost FROM counted
WHERE lost * 100 >= handled * %(min_share)s
ORDER BY created_at, kind
"""  # noqa: S608 - the tables' own names
_NOTE = f"""
INSERT INTO {_SENDINGS} (schema, kind, queued_at, handled, lost, found_at)
SELECT %(schema)s, kind, queued_at, handled, lost, %(at)s
FROM unnest(%(kinds)s::text[], %(queued)s::timestamptz[], %(counts)s::integer[], %(losses)s::integer[])
    AS failed (kind, queued_at, handled, lost)
ON CONFLICT (schema, kind, queued_at) DO NOTHING RETURNING id
"""  # noqa: S608 - the table's own name

#: By app, called with sendings that were just noticed, in their schema and in that transaction.
failed_sending_listeners: Registry[Callable[[Sequence[FailedSending], datetime.datetime], None]] = Registry(
    "listener of failed sendings"
)


def schedule_check(_messages: Sequence[Message], at: datetime.datetime) -> None:
    """Have the outbox of the current schema looked at soon."""
    due.schedule(CHECK_SENDINGS, connection.schema_name, at + CHECK_DELAY)


@transaction.atomic
def check_sendings(*, at: datetime.datetime) -> list[FailedSending]:
    """Note the sendings of the current schema that fail and were not noted before, and return them.

    Four queries at most.
    """
    parameters: dict[str, Any] = {
        "schema": connection.schema_name,
        "lost": [state.value for state in LOST],
        "handled": [state.value for state in HANDLED],
        "min_lost": MIN_LOST,
        "min_share": MIN_SHARE_PERCENT,
        "at": at,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, parameters | _NOTED.read())
        failing = cursor.fetchall()
        ids = []
        if failing:
            columns = dict(
                zip(("kinds", "queued", "counts", "losses"), map(list, zip(*failing, strict=True)), strict=True)
            )
            cursor.execute(_NOTE, parameters | columns)
            ids = [number for (number,) in cursor.fetchall()]
    found = list(FailedSending.objects.filter(pk__in=ids).order_by("pk")) if ids else []
    if found:
        for listener in failed_sending_listeners.values():
            listener(found, at)
    return found


@transaction.atomic
def mark_seen(ids: Sequence[int], *, at: datetime.datetime) -> int:
    """Note that the operator has seen these sendings; return how many were not before."""
    return FailedSending.objects.filter(pk__in=ids, seen_at=None).update(seen_at=at)
