"""What is emitted when a message is lost, delivered or held: webhooks, and whoever else listens.

An event holds our explanation only: the server's reply may contain e-mail addresses.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence

from mailing.models import Message
from webhooks import operations as webhooks
from webhooks.operations import EventType, NewEvent

type _LossListener = Callable[[Sequence[Message], datetime.datetime], None]

_bounce_listeners: list[_LossListener] = []
_loss_listeners: list[_LossListener] = []
_hold_listeners: list[Callable[[Message, datetime.datetime], None]] = []


def on_bounced(listener: _LossListener) -> None:
    """Have a function called with the messages that bounced, in their schema and in the transaction that notes it."""
    _bounce_listeners.append(listener)


def on_lost(listener: _LossListener) -> None:
    """Have a function called, as of `on_bounced` and after it, with the messages that bounced or were given up."""
    _loss_listeners.append(listener)


def on_held(listener: Callable[[Message, datetime.datetime], None]) -> None:
    """Have a function called with each message that its owner holds, in the transaction that notes it."""
    _hold_listeners.append(listener)


def emit_bounced(messages: Sequence[Message], *, at: datetime.datetime) -> None:
    """Emit `message.bounced` for each message, and call the listeners."""
    if messages:
        webhooks.emit(events=[_build(EventType.MESSAGE_BOUNCED, message) for message in messages], at=at)
        for listener in (*_bounce_listeners, *_loss_listeners):
            listener(messages, at)


def emit_failed(message: Message, *, at: datetime.datetime) -> None:
    """Emit `message.failed`: we gave it up, and no server refused it."""
    webhooks.emit(events=[_build(EventType.MESSAGE_FAILED, message)], at=at)
    for listener in _loss_listeners:
        listener([message], at)


def emit_held(message: Message, *, at: datetime.datetime) -> None:
    """Call the listeners: whoever holds a message releases it."""
    for listener in _hold_listeners:
        listener(message, at)


def emit_delivered(messages: Sequence[Message], *, at: datetime.datetime) -> None:
    """Emit `message.delivered` for each message."""
    if messages:
        webhooks.emit(events=[_build(EventType.MESSAGE_DELIVERED, message) for message in messages], at=at)


def _build(kind: EventType, message: Message) -> NewEvent:
    about = {"topic": message.topic, "topic_id": message.topic_id} if message.topic else {}
    subject = f"{message.topic}:{message.topic_id}" if message.topic else f"message:{message.pk}"
    reason = {} if kind is EventType.MESSAGE_DELIVERED else {"reason": message.explanation}
    return NewEvent(kind, subject, {"message": message.pk, "kind": message.kind} | reason | about)
