"""Leases on messages: claim, renew, release, record the outcome.

A worker claims messages with `SKIP LOCKED` and commits before it sends, so no transaction is open during SMTP. The
messages of a killed worker become due again when its lease ends; outcomes are recorded message by message. So no
message is lost, and only the one being sent when a worker died may be sent twice.

An outcome is recorded only while the lease is held (compared by `lease_until`): a worker whose lease has expired does
not overwrite the outcome of another. An acceptance is recorded all the same where nobody else is sending the message.

Before a message is handed over, `hand_over` counts it as `unanswered`; every answer of a server takes that back. What
remains so may have been accepted: it is never told as cancelled or, for another reason than too many interruptions, as
failed.

Times are the database's, given by the caller's `DatabaseClock`.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, PositiveSmallIntegerField, Value, When
from django.db.models.functions import Coalesce, Least

from mailing import delivery_events, refusals, smtp_replies
from mailing.metrics import count_messages
from mailing.models import Message, MessageQuerySet, MessageState, RefusalHandling


def get_lease_duration() -> datetime.timedelta:
    """Return the duration of a lease: longer than the SMTP timeouts of one message add up to."""
    return datetime.timedelta(seconds=settings.MAIL_LEASE)


@transaction.atomic
def claim(*, limit: int, at: datetime.datetime) -> list[Message]:
    """Lease up to `limit` due messages that no worker is sending: by priority, the longest due first."""
    due = Message.objects.due_at(at).select_for_update(skip_locked=True, no_key=True)
    messages = list(due.order_by("-priority", "due_at", "pk")[:limit])
    until = at + get_lease_duration()
    for message in messages:
        message.state, message.lease_until = MessageState.SENDING, until
    Message.objects.filter(pk__in=[message.pk for message in messages]).update(
        state=MessageState.SENDING, lease_until=until
    )
    return messages


def renew(messages: Sequence[Message], *, at: datetime.datetime) -> list[Message]:
    """Extend the lease of the messages that are still leased to this worker, and return them."""
    until = at + get_lease_duration()
    with transaction.atomic():
        renewed_ids = set(_filter_leased(messages).locked().values_list("pk", flat=True))
        Message.objects.filter(pk__in=renewed_ids).update(lease_until=until)
    renewed = [message for message in messages if message.pk in renewed_ids]
    for message in renewed:
        message.lease_until = until
    return renewed


def hand_over(message: Message, *, at: datetime.datetime) -> bool:
    """Note, before a message is sent, that a server may have accepted it; return whether it is still leased."""
    return bool(_filter_leased([message]).update(unanswered=message.unanswered + 1, handed_over_at=at))


def release(messages: Sequence[Message], *, due_at: datetime.datetime | None = None, reason: str = "") -> None:
    """Release messages unsent, without counting an attempt.

    Without `due_at` they are queued again (the worker stops); with it they are deferred until then (the server is
    unavailable), with `reason`.
    """
    if not messages:
        return
    state = MessageState.QUEUED if due_at is None else MessageState.DEFERRED
    fields = {} if due_at is None else {"due_at": due_at, "reason": reason}
    # Those of an earlier doubt keep it; the first may be noted as handed over, and was not.
    unanswered = [When(pk=message.pk, then=message.unanswered) for message in messages[:1]]
    released = _filter_leased(messages).update(
        state=state,
        lease_until=None,
        unanswered=Case(*unanswered, default=F("unanswered"), output_field=PositiveSmallIntegerField()),
        **fields,
    )
    if due_at is not None:
        count_messages(state, released)


def _filter_leased(messages: Sequence[Message]) -> MessageQuerySet:
    """Filter those of the messages that are still leased to this worker."""
    return Message.objects.filter(
        pk__in=[message.pk for message in messages],
        state=MessageState.SENDING,
        lease_until__in={message.lease_until for message in messages},
    )


def _conclude(message: Message, state: MessageState, **fields: object) -> bool:
    """Record the outcome if the lease is still held; return whether it was."""
    fields = {"unanswered": message.unanswered} | fields
    concluded = _filter_leased([message]).update(state=state, lease_until=None, **fields)
    count_messages(state, concluded)
    return bool(concluded)


def record_accepted(message: Message, *, message_id: str, at: datetime.datetime) -> bool:
    """Record that the server accepted the message; return whether that was recorded.

    Also where the lease has been lost and nobody is sending the message: it is not sent again.
    """
    fields = {
        "sent_at": at,
        "message_id": message_id,
        "reason": "",
        "attempts": _count_attempt(),
        "unanswered": 0,
    }
    if message.refusal == RefusalHandling.OVERRULED:
        refusals.note_trial(message.recipient, at=at)
    if _conclude(message, MessageState.SENT, **fields):
        return True
    settled = (MessageState.SENDING, MessageState.DELIVERED, MessageState.BOUNCED)
    # An anonymised message stays so.
    others = Message.objects.filter(pk=message.pk).exclude(state__in=settled).exclude(recipient="")
    fields["sent_at"] = Coalesce("sent_at", Value(at))
    concluded = others.update(state=MessageState.SENT, **fields)
    count_messages(MessageState.SENT, concluded)
    return bool(concluded)


def record_deferred(message: Message, *, until: datetime.datetime, reason: str) -> bool:
    """Record a temporary failure and when to retry."""
    return _conclude(message, MessageState.DEFERRED, due_at=until, reason=reason, attempts=_count_attempt())


def record_interrupted(message: Message, *, at: datetime.datetime) -> bool:
    """Record that no answer came: retry later, or give up after `smtp_replies.MAX_INTERRUPTIONS`."""
    interruptions = message.unanswered + 1
    delay = smtp_replies.get_interruption_delay(interruptions)
    if delay is None:
        return give_up_interrupted(message, interruptions=interruptions, at=at)
    return _conclude(
        message,
        MessageState.DEFERRED,
        due_at=at + delay,
        reason=smtp_replies.INTERRUPTED,
        attempts=_count_attempt(),
        unanswered=interruptions,
    )


def give_up_interrupted(message: Message, *, interruptions: int, at: datetime.datetime) -> bool:
    """Record that a message was interrupted too often to be sent once more, and emit a `message.failed` event."""
    reason = smtp_replies.GAVE_UP_INTERRUPTED.format(attempts=interruptions)
    return _fail(message, reason=reason, at=at, unanswered=interruptions)


def _count_attempt() -> Least:
    # Limit of the smallint column; no delay depends on higher counts.
    return Least(F("attempts") + 1, 32_000)


def _conclude_perhaps_accepted(message: Message, *, reason: str) -> bool:
    """Record as sent what may have been accepted and will not be sent again, with the reason."""
    return _conclude(
        message, MessageState.SENT, sent_at=message.handed_over_at, reason=f"{smtp_replies.PERHAPS_ACCEPTED} {reason}"
    )


def record_failed(message: Message, *, reason: str, at: datetime.datetime) -> bool:
    """Record that it is given up and emit a `message.failed` event; as sent, if it may have been accepted before."""
    if message.unanswered:
        return _conclude_perhaps_accepted(message, reason=reason)
    return _fail(message, reason=reason, at=at)


def record_refused(message: Message, *, reason: str, refuses_address: bool, at: datetime.datetime) -> bool:
    """Record that a server refused the message for good and emit a `message.bounced` event.

    As sent, if it may have been accepted before. `refuses_address`: any other message to it would be refused as well.
    """
    if message.unanswered:
        return _conclude_perhaps_accepted(message, reason=reason)
    with transaction.atomic():
        # Before the message, as whoever records reports.
        refusals.lock_addresses([message.recipient] if refuses_address else [])
        fields = {"reason": reason, "reported_at": at, "attempts": _count_attempt()}
        was_leased = _conclude(message, MessageState.BOUNCED, **fields)
        if was_leased:
            message.state, message.reason, message.reported_at = MessageState.BOUNCED, reason, at
            if refuses_address:
                refusals.refuse({message.recipient: message.explanation}, at=at)
            delivery_events.emit_bounced([message], at=at)
    return was_leased


@transaction.atomic
def _fail(message: Message, *, reason: str, at: datetime.datetime, **fields: object) -> bool:
    was_leased = _conclude(message, MessageState.FAILED, reason=reason, attempts=_count_attempt(), **fields)
    if was_leased:
        message.reason = reason
        delivery_events.emit_failed(message, at=at)
    return was_leased


def record_cancelled(message: Message, *, reason: str) -> bool:
    """Record that the message was cancelled before it was sent; as sent, if it may have been accepted before."""
    if message.unanswered:
        return _conclude_perhaps_accepted(message, reason=reason)
    return _conclude(message, MessageState.CANCELLED, reason=reason)


@transaction.atomic
def record_held(message: Message, *, reason: str, at: datetime.datetime) -> bool:
    """Record that the message waits, unsent, until its owner releases it, and tell the owner."""
    was_leased = _conclude(message, MessageState.HELD, reason=reason)
    if was_leased:
        delivery_events.emit_held(message, at=at)
    return was_leased


@transaction.atomic
def record_refusal(message: Message) -> bool:
    """Hold a message to an address that was refused; release it where the address has been forgotten meanwhile."""
    reason = refusals.note_waiting(message.recipient)
    if reason is None:
        release([message])
        return True
    return _conclude(message, MessageState.HELD, reason=reason, refusal=RefusalHandling.WAITING)
