"""Who is sending a message, and what became of it.

A worker claims some messages with `SKIP LOCKED`, so that two never take the same, and commits that claim before it
sends: no transaction stays open while a server answers. A claim is a lease. What a killed worker held returns to the
others when its lease ends; what it had sent was written down message by message. So nothing is lost, and nothing is
sent twice but the one message that was on its way when the worker died.

Every outcome is written under the claim's name, its lease: a worker that was asleep for longer than its lease finds
that it holds nothing any more, and writes nothing over what another did.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Least

from mailing.models import Message, MessageState
from webhooks import operations as webhooks
from webhooks.operations import EventType, Happening

if TYPE_CHECKING:
    from collections.abc import Sequence


def lease() -> datetime.timedelta:
    """Return how long a claim holds: more than a server may take over one message (a few commands, each timed out)."""
    return datetime.timedelta(seconds=settings.MAIL_LEASE)


@transaction.atomic
def claim(*, limit: int, at: datetime.datetime) -> list[Message]:
    """Take up to `limit` messages that are due and that nobody is sending, the longest due first."""
    messages = list(
        Message.objects.due_at(at).select_for_update(skip_locked=True, no_key=True).order_by("due_at", "pk")[:limit]
    )
    until = at + lease()
    for message in messages:
        message.state, message.lease_until = MessageState.SENDING, until
    Message.objects.filter(pk__in=[message.pk for message in messages]).update(
        state=MessageState.SENDING, lease_until=until
    )
    return messages


def renew(messages: Sequence[Message], *, at: datetime.datetime) -> list[Message]:
    """Prolong the lease of those of `messages` that are still ours, and return them."""
    if not messages:
        return []
    until = at + lease()
    ours = Message.objects.filter(
        pk__in=[message.pk for message in messages],
        state=MessageState.SENDING,
        lease_until=messages[0].lease_until,
    )
    with transaction.atomic():
        kept = set(ours.select_for_update(no_key=True).values_list("pk", flat=True))
        Message.objects.filter(pk__in=kept).update(lease_until=until)
    still = [message for message in messages if message.pk in kept]
    for message in still:
        message.lease_until = until
    return still


def release(messages: Sequence[Message], *, due_at: datetime.datetime | None = None, reason: str = "") -> None:
    """Give messages back unsent, with nothing held against them.

    Without `due_at` they wait as before (the worker stops); with it they are deferred until then (the server is
    away), and `reason` says why.
    """
    if not messages:
        return
    state = MessageState.QUEUED if due_at is None else MessageState.DEFERRED
    fields = {} if due_at is None else {"due_at": due_at, "reason": reason}
    Message.objects.filter(
        pk__in=[message.pk for message in messages],
        state=MessageState.SENDING,
        lease_until=messages[0].lease_until,
    ).update(state=state, lease_until=None, **fields)


def _conclude(message: Message, state: MessageState, **fields: object) -> bool:
    """Write the outcome if the claim still holds; return whether it did."""
    ours = Message.objects.filter(pk=message.pk, state=MessageState.SENDING, lease_until=message.lease_until)
    return bool(ours.update(state=state, lease_until=None, **fields))


def accepted(message: Message, *, message_id: str, at: datetime.datetime) -> bool:
    """Write that the server took the message."""
    return _conclude(
        message, MessageState.SENT, sent_at=at, message_id=message_id, reason="", attempts=F("attempts") + 1
    )


def deferred(message: Message, *, until: datetime.datetime, reason: str) -> bool:
    """Write that the server asks to try again, and when that will be."""
    return _conclude(
        message,
        MessageState.DEFERRED,
        due_at=until,
        reason=reason,
        # The column holds no more; nothing depends on counting beyond.
        attempts=Least(F("attempts") + 1, 32_000),
    )


@transaction.atomic
def failed(message: Message, *, reason: str, at: datetime.datetime) -> bool:
    """Write that the message will not arrive, and why; whoever listens to the collectivity is told."""
    was_ours = _conclude(message, MessageState.FAILED, reason=reason, attempts=F("attempts") + 1)
    if was_ours:
        message.reason = reason
        webhooks.emit(events=[_bounced(message)], at=at)
    return was_ours


def _bounced(message: Message) -> Happening:
    """Return what programs are told: our own sentence, without the server's words, which hold addresses."""
    about = {"topic": message.topic, "topic_id": message.topic_id} if message.topic else {}
    subject = f"{message.topic}:{message.topic_id}" if message.topic else f"message:{message.pk}"
    said = {"message": message.pk, "kind": message.kind, "reason": message.explanation}
    return Happening(EventType.MESSAGE_BOUNCED, subject, said | about)


def withdrawn(message: Message, *, reason: str) -> bool:
    """Write that the message lost its reason before it left."""
    return _conclude(message, MessageState.CANCELLED, reason=reason)
