"""What is asked of the outbox: to send, and not to send.

Each writes to the outbox of the schema that is entered and queues its sending in the same transaction: a commit
without its e-mail, or an e-mail without its commit, cannot happen.
"""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction

from jobs.tasks import defer_several
from mailing.models import Message, MessageState
from web import arrays
from web.copying import NULL, field, write_lines

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Iterable, Mapping, Sequence

#: How many messages a drain job sends before it hands over to the next one.
MESSAGES_A_JOB = 500
#: A single message (an account's, a resend) goes before the thousands of an import.
ALONE_FIRST = 10

_COLUMNS = ("kind", "recipient", "topic", "topic_id", "about", "context", "state", "created_at", "due_at", "attempts",
            "message_id", "reason")  # fmt: skip


class Outgoing(NamedTuple):
    """A message to be queued with others. `topic` and `topic_id` say what it is about, `about` says it in words."""

    kind: str
    recipient: str
    topic: str = ""
    topic_id: int | None = None
    about: str = ""
    context: Mapping[str, Any] = MappingProxyType({})


@transaction.atomic
def enqueue(
    *,
    kind: str,
    recipient: str,
    at: datetime.datetime,
    due_at: datetime.datetime | None = None,
    topic: str = "",
    topic_id: int | None = None,
    about: str = "",
    context: Mapping[str, Any] | None = None,
) -> Message:
    """Queue one message, to leave at once or at `due_at`, and return it."""
    message = Message.objects.create(
        kind=kind,
        recipient=recipient,
        topic=topic,
        topic_id=topic_id,
        about=about,
        context=dict(context or {}),
        created_at=at,
        due_at=max(due_at or at, at),
    )
    _defer_drains(1, at=at, due_at=message.due_at, priority=ALONE_FIRST)
    return message


def enqueue_many(
    messages: Sequence[Outgoing], *, at: datetime.datetime, due_at: datetime.datetime | None = None
) -> int:
    """Queue many messages with one COPY, and a drain job for every five hundred; return how many."""
    return enqueue_lines(lines_of(messages, at=at, due_at=due_at), at=at, due_at=due_at)


def lines_of(
    messages: Iterable[Outgoing], *, at: datetime.datetime, due_at: datetime.datetime | None = None
) -> list[str]:
    """Return the lines that `enqueue_lines` writes; the database is not asked."""
    same = f"{MessageState.QUEUED.value}\t{at.isoformat()}\t{max(due_at or at, at).isoformat()}\t0\t\t\n"
    return [
        f"{message.kind}\t{field(message.recipient)}\t{message.topic}\t"
        f"{NULL if message.topic_id is None else message.topic_id}\t{field(message.about)}\t"
        f"{field(json.dumps(message.context, cls=DjangoJSONEncoder)) if message.context else '{}'}\t{same}"
        for message in messages
    ]


@transaction.atomic
def enqueue_lines(lines: Collection[str], *, at: datetime.datetime, due_at: datetime.datetime | None = None) -> int:
    """Queue what `lines_of` returned, by the same moments, and return how many messages it is."""
    if not lines:
        return 0
    table = connection.ops.quote_name(Message._meta.db_table)  # noqa: SLF001 - documented
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({', '.join(_COLUMNS)}) FROM STDIN") as copy:
        write_lines(copy, lines)
    _defer_drains(-(-len(lines) // MESSAGES_A_JOB), at=at, due_at=max(due_at or at, at))
    return len(lines)


@transaction.atomic
def cancel(topic: str, topic_ids: Collection[int], at: datetime.datetime) -> int:
    """Cancel what is not yet on its way about these things; return how many messages that was.

    A message that a worker holds at this moment is not touched: its renderer has the last word, and raises
    `kinds.NoLongerDue` when what it speaks of was taken back.
    """
    waiting = Message.objects.unclaimed_at(at).filter(arrays.number_in("topic_id", topic_ids), topic=topic)
    return waiting.update(state=MessageState.CANCELLED, lease_until=None)


def _defer_drains(jobs: int, *, at: datetime.datetime, due_at: datetime.datetime, priority: int = 0) -> None:
    defer_several(
        "mailing.drain",
        jobs,
        schema=connection.schema_name,  # type: ignore[attr-defined]
        at=due_at if due_at > at else None,
        priority=priority,
    )
