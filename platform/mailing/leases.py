"""Leases on messages: claim, renew, release, record the outcome.

A worker claims messages with `SKIP LOCKED` and commits before it sends, so no transaction is open during SMTP. The
messages of a killed worker become due again when its lease ends; outcomes are recorded message by message. So no
message is lost, and only the one being sent when a worker died may be sent twice.

An outcome is recorded only while the lease is held (compared by `lease_until`): a worker whose lease has expired does
not overwrite the outcome of another.
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
from webhooks.operations import EventType, NewEvent

if TYPE_CHECKING:
    from collections.abc import Sequence


def get_lease_duration() -> datetime.timedelta:
    """Return the duration of a lease: longer than the SMTP timeouts of one message add up to."""
    return datetime.timedelta(seconds=settings.MAIL_LEASE)


@transaction.atomic
def claim(*, limit: int, at: datetime.datetime) -> list[Message]:
    """Lease up to `limit` due messages that no worker is sending, the longest due first."""
    messages = list(
        Message.objects.due_at(at).select_for_update(skip_locked=True, no_key=True).order_by("due_at", "pk")[:limit]
    )
    until = at + get_lease_duration()
    for message in messages:
        message.state, message.lease_until = MessageState.SENDING, until
    Message.objects.filter(pk__in=[message.pk for message in messages]).update(
        state=MessageState.SENDING, lease_until=until
    )
    return messages


def renew(messages: Sequence[Message], *, at: datetime.datetime) -> list[Message]:
    """Extend the lease of the messages that are still leased to this worker, and return them."""
    if not messages:
        return []
    until = at + get_lease_duration()
    leased = Message.objects.filter(
        pk__in=[message.pk for message in messages],
        state=MessageState.SENDING,
        lease_until=messages[0].lease_until,
    )
    with transaction.atomic():
        renewed_ids = set(leased.locked().values_list("pk", flat=True))
        Message.objects.filter(pk__in=renewed_ids).update(lease_until=until)
    renewed = [message for message in messages if message.pk in renewed_ids]
    for message in renewed:
        message.lease_until = until
    return renewed


def release(messages: Sequence[Message], *, due_at: datetime.datetime | None = None, reason: str = "") -> None:
    """Release messages unsent, without counting an attempt.

    Without `due_at` they are queued again (the worker stops); with it they are deferred until then (the server is
    unavailable), with `reason`.
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
    """Record the outcome if the lease is still held; return whether it was."""
    leased = Message.objects.filter(pk=message.pk, state=MessageState.SENDING, lease_until=message.lease_until)
    return bool(leased.update(state=state, lease_until=None, **fields))


def record_accepted(message: Message, *, message_id: str, at: datetime.datetime) -> bool:
    """Record that the server accepted the message."""
    return _conclude(
        message, MessageState.SENT, sent_at=at, message_id=message_id, reason="", attempts=F("attempts") + 1
    )


def record_deferred(message: Message, *, until: datetime.datetime, reason: str) -> bool:
    """Record a temporary failure and when to retry."""
    return _conclude(
        message,
        MessageState.DEFERRED,
        due_at=until,
        reason=reason,
        # Limit of the smallint column; no delay depends on higher counts.
        attempts=Least(F("attempts") + 1, 32_000),
    )


@transaction.atomic
def record_failed(message: Message, *, reason: str, at: datetime.datetime) -> bool:
    """Record a permanent failure and emit a `message.bounced` event."""
    was_leased = _conclude(message, MessageState.FAILED, reason=reason, attempts=F("attempts") + 1)
    if was_leased:
        message.reason = reason
        webhooks.emit(events=[_bounce_event(message)], at=at)
    return was_leased


def _bounce_event(message: Message) -> NewEvent:
    """Build the event. It holds our explanation only: the server's reply may contain e-mail addresses."""
    about = {"topic": message.topic, "topic_id": message.topic_id} if message.topic else {}
    subject = f"{message.topic}:{message.topic_id}" if message.topic else f"message:{message.pk}"
    details = {"message": message.pk, "kind": message.kind, "reason": message.explanation}
    return NewEvent(EventType.MESSAGE_BOUNCED, subject, details | about)


def record_cancelled(message: Message, *, reason: str) -> bool:
    """Record that the message was cancelled before it was sent."""
    return _conclude(message, MessageState.CANCELLED, reason=reason)
