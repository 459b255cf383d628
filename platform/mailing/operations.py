"""Operations of the outbox: enqueue and cancel messages.

They write to the outbox of the current schema and queue the drain job in the same transaction: the e-mail is sent if
and only if the transaction commits.
"""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction

from core.copy_rows import NULL, escape_field, write_lines
from jobs.tasks import defer_many
from mailing.models import Message, MessageState

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Iterable, Mapping, Sequence

#: Messages per drain job.
MESSAGES_PER_JOB = 500
#: Job priority of single messages (accounts, resends), ahead of bulk imports.
SINGLE_MESSAGE_PRIORITY = 10

_COLUMNS = ("kind", "recipient", "topic", "topic_id", "about", "context", "state", "created_at", "due_at", "attempts",
            "message_id", "reason")  # fmt: skip


class NewMessage(NamedTuple):
    """A message to enqueue in bulk. `topic` and `topic_id` identify its subject, `about` is its text."""

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
    """Enqueue one message, to be sent at once or at `due_at`, and return it."""
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
    _defer_drains(1, at=at, due_at=message.due_at, priority=SINGLE_MESSAGE_PRIORITY)
    return message


def enqueue_many(
    messages: Sequence[NewMessage], *, at: datetime.datetime, due_at: datetime.datetime | None = None
) -> int:
    """Enqueue messages with one COPY, and a drain job for every 500; return how many."""
    return enqueue_copy_lines(build_copy_lines(messages, at=at, due_at=due_at), at=at, due_at=due_at)


def build_copy_lines(
    messages: Iterable[NewMessage], *, at: datetime.datetime, due_at: datetime.datetime | None = None
) -> list[str]:
    """Return the COPY lines for `enqueue_copy_lines`. No query."""
    common_columns = f"{MessageState.QUEUED.value}\t{at.isoformat()}\t{max(due_at or at, at).isoformat()}\t0\t\t\n"
    return [
        f"{message.kind}\t{escape_field(message.recipient)}\t{message.topic}\t"
        f"{NULL if message.topic_id is None else message.topic_id}\t{escape_field(message.about)}\t"
        f"{escape_field(json.dumps(message.context, cls=DjangoJSONEncoder)) if message.context else '{}'}\t{common_columns}"
        for message in messages
    ]


@transaction.atomic
def enqueue_copy_lines(
    lines: Collection[str], *, at: datetime.datetime, due_at: datetime.datetime | None = None
) -> int:
    """Enqueue the result of `build_copy_lines`, with the same times; return how many messages."""
    if not lines:
        return 0
    table = connection.ops.quote_name(Message._meta.db_table)  # noqa: SLF001 - documented
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({', '.join(_COLUMNS)}) FROM STDIN") as copy:
        write_lines(copy, lines)
    _defer_drains(-(-len(lines) // MESSAGES_PER_JOB), at=at, due_at=max(due_at or at, at))
    return len(lines)


@transaction.atomic
def cancel(topic: str, topic_ids: Collection[int], at: datetime.datetime) -> int:
    """Cancel the pending messages about these subjects; return how many.

    A message leased by a worker is not changed: its renderer raises `kinds.NoLongerDue` if it is obsolete.
    """
    cancellable = Message.objects.unclaimed_at(at).filter(topic_id__in_array=topic_ids, topic=topic)
    return cancellable.update(state=MessageState.CANCELLED, lease_until=None)


def _defer_drains(jobs: int, *, at: datetime.datetime, due_at: datetime.datetime, priority: int = 0) -> None:
    defer_many(
        "mailing.drain",
        jobs,
        schema=connection.schema_name,  # type: ignore[attr-defined]
        at=due_at if due_at > at else None,
        priority=priority,
    )
