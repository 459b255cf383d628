"""The messages of this outbox to one person: listed for him when he asks, and made nobody's when he leaves.

A message to somebody who has an account holds the account's number as `user`; the partial index on it makes both
questions cheap in an outbox of any size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Q

from mailing.models import PENDING, Message, MessageState

if TYPE_CHECKING:
    from collections.abc import Collection

    from django.db.models import QuerySet

#: In words, why a message that waited does not leave.
ERASED = "Le compte du destinataire a été supprimé."


def written_to(user_id: int) -> Q:
    """Return the condition that a message is to the account with this number."""
    return Q(context__has_key="user", context__user=user_id)


def about(kind: str, name: str, numbers: Collection[int]) -> Q:
    """Return the condition that a message of this kind names one of these numbers in its context."""
    return Q(kind=kind, **{f"context__{name}__in": list(numbers)}) if numbers else Q(pk__in=[])


def of_topic(topic: str, numbers: Collection[int]) -> Q:
    """Return the condition that a message is about one of these things."""
    return Q(topic=topic, topic_id__in=list(numbers))


def forget(which: Q) -> int:
    """Make these messages nobody's: what waited is cancelled, what was sent keeps its kind, its date and its state.

    Neither address nor content nor the server's answer stays; without its Message-ID a bounce that comes late finds
    nothing to write to. Return how many messages it was.
    """
    messages = Message.objects.filter(which)
    # Those on their way as well: their worker, which holds the old lease, then writes nothing more.
    messages.filter(state__in=PENDING).update(state=MessageState.CANCELLED, lease_until=None)
    return messages.update(recipient="", about="", context={}, message_id="", reason=ERASED)


def gathered(user_id: int) -> list[dict[str, Any]]:
    """Return the messages to the account, the latest first. One query."""
    messages: QuerySet[Message] = Message.objects.filter(written_to(user_id)).order_by("-pk")
    return [
        {
            "nature": message.label,
            "adresse": message.recipient,
            "écrit le": message.created_at,
            "envoyé le": message.sent_at,
            "état": message.get_state_display(),
        }
        for message in messages
    ]


def forget_settled(topic: str) -> int:
    """Forget the recipients of the messages of a topic that have left, or never will; return how many."""
    return forget(Q(topic=topic) & ~Q(state__in=PENDING) & ~Q(recipient=""))
