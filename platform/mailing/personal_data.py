"""Personal data in the outbox: export of a user's messages, anonymisation.

A message to a user account holds the account's id as `user` in its context, which has a partial index.
"""

from collections.abc import Collection
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from mailing import kinds
from mailing.models import UNSENT, Message

#: `reason` of anonymised messages.
ERASED_REASON = "Le compte du destinataire a été supprimé."


def filter_by_user(user_id: int) -> Q:
    """Return the condition that a message is addressed to this user account."""
    return Q(context__has_key="user", context__user=user_id)


def filter_by_context(kind: str, name: str, numbers: Collection[int]) -> Q:
    """Return the condition that a message of this kind has one of these ids in its context."""
    return Q(kind=kind, **{f"context__{name}__in": list(numbers)}) if numbers else Q(pk__in=[])


def filter_by_topic(topic: str, numbers: Collection[int]) -> Q:
    """Return the condition that a message has one of these subjects."""
    return Q(topic=topic, topic_id__in=list(numbers))


@transaction.atomic
def anonymise(which: Q) -> int:
    """Anonymise messages: cancel the unsent ones, keep only kind, dates and state; return how many.

    Recipient, content and the server's reply are erased; the Message-ID too, so that a late bounce finds no message.
    """
    messages = Message.objects.filter(which)
    # Also those being sent: clearing the lease keeps their worker from recording an outcome.
    unsent = messages.unsent()
    list(unsent.locked().values_list("pk"))
    unsent.call_off(at=timezone.now())
    return messages.update(recipient="", about="", context={}, message_id="", reason=ERASED_REASON)


def export_personal_data(user_id: int) -> list[dict[str, Any]]:
    """Return the messages to a user account, the latest first. One query."""
    messages: QuerySet[Message] = Message.objects.filter(filter_by_user(user_id)).order_by("-pk")
    return [
        {
            "nature": kinds.get_label(message.kind),
            "adresse": message.recipient,
            "écrit le": message.created_at,
            "envoyé le": message.sent_at,
            "état": message.get_state_display(),
        }
        for message in messages
    ]


def anonymise_settled(topic: str) -> int:
    """Anonymise the messages of a topic that are no longer to be sent; return how many."""
    return anonymise(Q(topic=topic) & ~Q(state__in=UNSENT) & ~Q(recipient=""))
