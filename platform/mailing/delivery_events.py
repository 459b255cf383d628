"""What is emitted when a message is lost, delivered or held: webhooks, and whoever else listens.

An event holds our explanation only: the server's reply may contain e-mail addresses.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence

from django.db import models

from core.registry import Registry
from mailing.models import Message
from webhooks import operations as webhooks
from webhooks.operations import NewEvent


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
