"""What others ask of the outbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Count

from mailing import kinds
from mailing.models import Message, MessageState

if TYPE_CHECKING:
    from collections.abc import Collection


def latest_by_topic(topic: str, ids: Collection[int]) -> dict[int, Message]:
    """Return the last message about each of these things, by the thing's number; one query."""
    messages = Message.objects.filter(topic=topic, topic_id__in=ids).order_by("topic_id", "-pk").distinct("topic_id")
    return {message.topic_id: message for message in messages if message.topic_id is not None}


def count_by_state() -> dict[MessageState, int]:
    """Return how many messages are in each state, every state named; one query."""
    counts = dict(Message.objects.values_list("state").annotate(Count("pk")).order_by())
    return {state: counts.get(state, 0) for state in MessageState}


def kinds_in_use() -> list[tuple[str, str]]:
    """Return the kinds of this outbox's messages with their labels, in order of label; one query."""
    present = Message.objects.order_by().values_list("kind", flat=True).distinct()
    return sorted(((kind, kinds.label(kind)) for kind in present), key=lambda choice: choice[1])
