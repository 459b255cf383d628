"""Queries on the outbox."""

from collections.abc import Collection

from django.db.models import Count

from mailing import kinds
from mailing.models import Message, MessageState


def latest_by_topic(topic: str, ids: Collection[int]) -> dict[int, Message]:
    """Return the last message of each subject, by the subject's id. One query."""
    messages = Message.objects.filter(topic=topic, topic_id__in=ids).order_by("topic_id", "-pk").distinct("topic_id")
    return {message.topic_id: message for message in messages if message.topic_id is not None}


def count_by_state() -> dict[MessageState, int]:
    """Return the number of messages by state, including states without any. One query."""
    counts = dict(Message.objects.values_list("state").annotate(Count("pk")).order_by())
    return {state: counts.get(state, 0) for state in MessageState}


def kinds_in_use() -> list[tuple[str, str]]:
    """Return the kinds present in this outbox with their labels, sorted by label. One query."""
    kinds_present = Message.objects.order_by().values_list("kind", flat=True).distinct()
    return sorted(((kind, kinds.get_label(kind)) for kind in kinds_present), key=lambda choice: choice[1])
