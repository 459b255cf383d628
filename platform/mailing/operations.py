"""Operations of the outbox: enqueue, cancel and release messages.

They write to the outbox of the current schema and queue the drain job in the same transaction: the e-mail is sent if
and only if the transaction commits.
"""

import datetime
import itertools
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models.functions import Now
from django_tenants.utils import get_public_schema_name, schema_context

from core.advisory_locks import hold_transaction_lock
from core.connections import connection
from core.copy_rows import copy_rows
from jobs.tasks import defer_many
from mailing.models import Message, MessageQuerySet, MessageState, RefusalHandling

#: The task that sends.
DRAIN = "mailing.drain"
#: Messages per drain job.
MESSAGES_PER_JOB = 500
#: Priority of single messages (accounts, resends) and of their jobs, ahead of bulk imports.
SINGLE_MESSAGE_PRIORITY = 10
#: Queue of the drains of single messages, and how many messages one sends: it does not stay for a bulk of its office.
SINGLE_QUEUE, MESSAGES_PER_SINGLE_JOB = "mail", 10
#: Queue of all other drains.
BULK_QUEUE = "mail_bulk"

#: The first six are the fields of `NewMessage`.
_COLUMNS = {
    "kind": "varchar",
    "recipient": "varchar",
    "topic": "varchar",
    "topic_id": "int8",
    "about": "varchar",
    "context": "jsonb",
    "state": "varchar",
    "created_at": "timestamptz",
    "due_at": "timestamptz",
    "attempts": "int2",
    "priority": "int2",
    "unanswered": "int2",
    "message_id": "varchar",
    "reason": "text",
    "refusal": "varchar",
}


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
        priority=SINGLE_MESSAGE_PRIORITY,
    )
    _defer_drains(1, at=at, due_at=message.due_at, priority=SINGLE_MESSAGE_PRIORITY)
    return message


@transaction.atomic
def enqueue_many(
    messages: Iterable[NewMessage], *, at: datetime.datetime, due_at: datetime.datetime | None = None
) -> int:
    """Enqueue messages with one COPY, and a drain job for every 500; return how many.

    One alone leaves before those that were enqueued together. `messages` is read while the connection is busy, so it
    must not query.
    """
    due_at, messages = max(due_at or at, at), iter(messages)
    first = list(itertools.islice(messages, 2))
    if not first:
        return 0
    priority = SINGLE_MESSAGE_PRIORITY if len(first) == 1 else 0
    end = (MessageState.QUEUED.value, at, due_at, 0, priority, 0, "", "", "")
    # A generator: messages are built while the database receives the previous ones.
    rows = ((*message, *end) for message in itertools.chain(first, messages))
    count = copy_rows(Message._meta.db_table, _COLUMNS, rows)  # noqa: SLF001 - documented
    _defer_drains(-(-count // MESSAGES_PER_JOB), at=at, due_at=due_at, priority=priority)
    return count


def enqueue_in_portal(
    messages: Iterable[NewMessage], *, at: datetime.datetime, due_at: datetime.datetime | None = None
) -> int:
    """Enqueue messages in the portal's outbox, even from a collectivity's schema; return how many."""
    with schema_context(get_public_schema_name()):
        return enqueue_many(messages, at=at, due_at=due_at)


@transaction.atomic
def cancel(
    topic: str, topic_ids: Collection[int], at: datetime.datetime, *, created_at: datetime.datetime | None = None
) -> int:
    """Cancel the messages about these subjects that are pending or held; return how many.

    `created_at`: only those that were enqueued at that moment.
    A message leased by a worker is not changed: its renderer raises `kinds.NoLongerDue` if it is obsolete. One that a
    server may have accepted becomes `sent`.
    """
    found = _filter_unclaimed(topic, topic_ids)
    return (found if created_at is None else found.filter(created_at=created_at)).call_off(at=at)


def cancel_in_portal(topic: str, topic_ids: Collection[int], at: datetime.datetime) -> int:
    """Cancel the messages of the portal's outbox about these subjects, as `cancel` does; return how many."""
    with schema_context(get_public_schema_name()):
        return cancel(topic, topic_ids, at)


def hold_back(topic: str, topic_ids: Collection[int]) -> None:
    """Keep the unsent messages about these subjects from being claimed or released until the transaction ends.

    For whoever decides by what has left: see `licensing.pools.queries.find_emailed_ids`.
    """
    list(_filter_unclaimed(topic, topic_ids).locked().order_by("pk").values_list("pk"))


def _filter_unclaimed(topic: str, topic_ids: Collection[int]) -> MessageQuerySet:
    # By the database's clock, as the leases are.
    return Message.objects.unsent().unclaimed_at(Now()).filter(topic_id__in_array=topic_ids, topic=topic)


@transaction.atomic
def release_held(held: MessageQuerySet, *, at: datetime.datetime) -> int:
    """Queue those of the messages that are held, to be sent at once; return how many.

    With one UPDATE, and a drain job for every 500. They are rendered anew, so what is obsolete is cancelled then.
    """
    ids = list(held.held().locked().values_list("pk", flat=True))
    if not ids:
        return 0
    requeue(ids, at=at)
    return len(ids)


def requeue(ids: Collection[int], *, at: datetime.datetime, refusal: RefusalHandling | None = None) -> None:
    """Queue these held messages, which the caller has locked, to be sent at once. `refusal`: what is noted of it."""
    fields = {} if refusal is None else {"refusal": refusal}
    Message.objects.filter(pk__in_array=ids).update(state=MessageState.QUEUED, due_at=at, reason="", **fields)
    priority = SINGLE_MESSAGE_PRIORITY if len(ids) == 1 else 0
    _defer_drains(-(-len(ids) // MESSAGES_PER_JOB), at=at, due_at=at, priority=priority)


def _defer_drains(jobs: int, *, at: datetime.datetime, due_at: datetime.datetime, priority: int) -> None:
    is_single = priority == SINGLE_MESSAGE_PRIORITY
    defer_many(
        DRAIN,
        jobs,
        schema=connection.schema_name,
        at=due_at if due_at > at else None,
        priority=priority,
        queue=SINGLE_QUEUE if is_single else BULK_QUEUE,
        limit=MESSAGES_PER_SINGLE_JOB if is_single else MESSAGES_PER_JOB,
    )


# Messages that gather: what happens about one subject within a while is told in one e-mail.
#
# The message waits from the first event on, and later ones are added to it. What a worker has claimed gathers no more:
# the next event begins a new message. So each event is in one message, and is rendered with it.

#: Where the context of such a message holds its events, in order.
EVENTS = "events"


@transaction.atomic
def enqueue_gathered(
    *,
    kind: str,
    recipient: str,
    event: list[Any],
    at: datetime.datetime,
    period: datetime.timedelta,
    topic: str,
    topic_id: int,
    context: Mapping[str, Any],
) -> Message:
    """Add an event to the message about this subject that waits for this recipient; enqueue one if none does.

    It is due `period` after its first event. `context`: what the messages of one recipient have in common.
    """
    # Two transactions that find no message would each begin one; what the first began is not seen before its end.
    hold_transaction_lock(f"mailing.gathered:{connection.schema_name}:{kind}:{topic}:{topic_id}")
    # Locked: a worker skips it meanwhile, and one that was faster has changed its state. What may have been accepted
    # (`unanswered`) is perhaps not rendered again.
    waiting = (
        Message.objects.filter(
            kind=kind,
            recipient=recipient,
            topic=topic,
            topic_id=topic_id,
            context__contains=dict(context),
            state__in=(MessageState.QUEUED, MessageState.DEFERRED),
            unanswered=0,
        )
        .locked()
        .first()
    )
    if waiting is None:
        return enqueue(
            kind=kind,
            recipient=recipient,
            at=at,
            due_at=at + period,
            topic=topic,
            topic_id=topic_id,
            context={**context, EVENTS: [event]},
        )
    waiting.context[EVENTS].append(event)
    waiting.save(update_fields=["context"])
    return waiting
