"""What became of messages after a server took them: reports recorded, told to listeners and counted.

Idempotent, in any order: a bounce is final, a delivery is not taken back by a delay, and what is reported twice is
noted once. Only a message that a server may have accepted is changed, and never an anonymised one.
"""

import datetime
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from django.db import connection, models, transaction
from django_tenants.utils import schema_context
from prometheus_client import Counter

from core.registry import Registry
from core.schemas import filter_existing
from core.telemetry import count_on_commit
from jobs.set_aside import RefusedItem, take_each
from mailing import refusals
from mailing.mime import MessageReference, get_timestamp
from mailing.models import Message, MessageState
from webhooks import operations as webhooks
from webhooks.operations import NewEvent

MESSAGES = Counter(
    "peps_messages",
    "E-mails: accepted by a server (sent), put off (deferred), given up (failed), cancelled, held, and what is reported"
    " of them afterwards (delivered, bounced).",
    ["state"],
)
for _state in MessageState:
    MESSAGES.labels(_state.value)


def count_messages(state: MessageState, number: int = 1) -> None:
    """Count e-mails that are in a state from now on, once that is committed."""
    if number:
        count_on_commit(MESSAGES.labels(state.value), number)


# What is emitted when a message is lost, delivered or held: webhooks, and whoever else listens.
#
# An event holds our explanation only: the server's reply may contain e-mail addresses.


class MessageEvent(models.TextChoices):
    DELIVERED = "message.delivered", "E-mail remis"
    BOUNCED = "message.bounced", "E-mail rejeté"
    FAILED = "message.failed", "E-mail abandonné"


type _LossListener = Callable[[Sequence[Message], datetime.datetime], None]

#: By app: called with messages that bounced; then, with those that bounced or were given up; with one that its owner
#: holds. Each in the transaction that notes it.
bounce_listeners: Registry[_LossListener] = Registry("listener of bounces")
loss_listeners: Registry[_LossListener] = Registry("listener of lost e-mails")
hold_listeners: Registry[Callable[[Message, datetime.datetime], None]] = Registry("listener of held e-mails")


def emit_bounced(messages: Sequence[Message], *, at: datetime.datetime) -> None:
    """Emit `message.bounced` for each message, and call the listeners."""
    if messages:
        webhooks.emit(events=[_build(MessageEvent.BOUNCED, message) for message in messages], at=at)
        for listener in (*bounce_listeners.values(), *loss_listeners.values()):
            listener(messages, at)


def emit_failed(message: Message, *, at: datetime.datetime) -> None:
    """Emit `message.failed`: we gave it up, and no server refused it."""
    webhooks.emit(events=[_build(MessageEvent.FAILED, message)], at=at)
    for listener in loss_listeners.values():
        listener([message], at)


def emit_held(message: Message, *, at: datetime.datetime) -> None:
    """Call the listeners: whoever holds a message releases it."""
    for listener in hold_listeners.values():
        listener(message, at)


def emit_delivered(messages: Sequence[Message], *, at: datetime.datetime) -> None:
    """Emit `message.delivered` for each message."""
    if messages:
        webhooks.emit(events=[_build(MessageEvent.DELIVERED, message) for message in messages], at=at)


def _build(kind: MessageEvent, message: Message) -> NewEvent:
    about = {"topic": message.topic, "topic_id": message.topic_id} if message.topic else {}
    subject = f"{message.topic}:{message.topic_id}" if message.topic else f"message:{message.pk}"
    reason = {} if kind is MessageEvent.DELIVERED else {"reason": message.explanation}
    return NewEvent(kind, subject, {"message": message.pk, "kind": message.kind} | reason | about)


_WRITTEN = ("pk", "state", "sent_at", "reported_at", "delayed_until", "reason")
_UPDATE = """
UPDATE mailing_message AS message
SET state = reported.state, sent_at = reported.sent_at, reported_at = reported.reported_at,
    delayed_until = reported.delayed_until, reason = reported.reason, lease_until = NULL, unanswered = 0
FROM unnest(%s::bigint[], %s::varchar[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::text[])
    AS reported (id, state, sent_at, reported_at, delayed_until, reason)
WHERE message.id = reported.id
"""


class ReportedFate(StrEnum):
    DELIVERED = "delivered"
    DELAYED = "delayed"
    BOUNCED = "bounced"


class DeliveryReport(NamedTuple):
    """What is reported of one message. `reason`: in French, the server's reply behind `smtp_replies.REPLY_SEPARATOR`.

    `refused`: the address that the server refuses, whatever is written to it; it counts if it is the message's own.
    """

    message: MessageReference
    fate: ReportedFate
    reason: str = ""
    refused: tuple[str, ...] = ()
    retried_until: datetime.datetime | None = None


class RecordedReports(NamedTuple):
    """How many messages reports changed, and those that could not be recorded, with why."""

    changed: int
    refused: list[RefusedItem[DeliveryReport]]


def record_reports(reports: Iterable[DeliveryReport], *, at: datetime.datetime) -> RecordedReports:
    """Record reports, a transaction for each schema; one that cannot be recorded keeps no other from it."""
    by_schema: dict[str, list[DeliveryReport]] = defaultdict(list)
    for report in reports:
        by_schema[report.message.schema].append(report)
    changed = 0
    refused: list[RefusedItem[DeliveryReport]] = []

    def record(some: Sequence[DeliveryReport]) -> None:
        nonlocal changed
        changed += _record_here(some, at=at)

    # A schema that is gone would have its messages looked for in the public one.
    for schema in filter_existing(by_schema) if by_schema else ():
        with schema_context(schema):
            refused += take_each(by_schema[schema], record)
    return RecordedReports(changed, refused)


@transaction.atomic
def _record_here(reports: Sequence[DeliveryReport], *, at: datetime.datetime) -> int:
    ids = {report.message.pk for report in reports}
    concerned = Message.objects.filter(pk__in_array=list(ids))
    refusals.lock_addresses(concerned.values_list("recipient", flat=True))
    messages = {message.pk: message for message in concerned.locked()}
    changed: dict[int, Message] = {}
    refused: dict[str, str] = {}
    delivered: list[str] = []
    for report in reports:
        message = messages.get(report.message.pk)
        if message is None or get_timestamp(message) != report.message.timestamp or not _apply(message, report, at):
            continue
        changed[message.pk] = message
        if report.fate is ReportedFate.DELIVERED:
            delivered.append(message.recipient)
        elif refusals.normalise_address(message.recipient) in map(refusals.normalise_address, report.refused):
            refused[message.recipient] = message.explanation
    _write(list(changed.values()))
    refusals.refuse(refused, at=at)
    refusals.forget([address for address in delivered if address not in refused], at=at)
    arrived = [one for one in changed.values() if one.state == MessageState.DELIVERED]
    bounced = [one for one in changed.values() if one.state == MessageState.BOUNCED]
    emit_delivered(arrived, at=at)
    emit_bounced(bounced, at=at)
    count_messages(MessageState.DELIVERED, len(arrived))
    count_messages(MessageState.BOUNCED, len(bounced))
    return len(changed)


def _write(messages: Sequence[Message]) -> None:
    """Write what `_apply` changed. Whatever is reported of a message, a server has it, and nobody is sending it."""
    if not messages:
        return
    columns = zip(*([getattr(message, name) for name in _WRITTEN] for message in messages), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(_UPDATE, [list(column) for column in columns])


def _apply(message: Message, report: DeliveryReport, at: datetime.datetime) -> bool:
    """Change the message as is reported, unless that is known or cannot be; return whether it changed."""
    was_accepted = message.state in (MessageState.SENT, MessageState.DELIVERED) or message.unanswered > 0
    if not was_accepted or not message.recipient or message.state == MessageState.BOUNCED:
        return False
    if message.state == MessageState.DELIVERED and report.fate is not ReportedFate.BOUNCED:
        return False
    if report.fate is ReportedFate.DELAYED:
        until = report.retried_until
        known = (message.reason, message.delayed_until) == (report.reason, until) and message.reported_at is not None
        if message.state != MessageState.SENT or known:
            return False
        message.reason, message.delayed_until, message.reported_at = report.reason, until, at
        return True
    is_delivered = report.fate is ReportedFate.DELIVERED
    message.state = (MessageState.DELIVERED if is_delivered else MessageState.BOUNCED).value
    message.reason = "" if is_delivered else report.reason
    message.reported_at, message.delayed_until = at, None
    # The report may be here before the answer of the server that accepted it.
    message.sent_at = message.sent_at or message.handed_over_at or at
    return True
