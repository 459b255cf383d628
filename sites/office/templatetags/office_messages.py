"""Template filter of the messages' pages."""

from __future__ import annotations

from django import template

from mailing.models import Message, MessageState

register = template.Library()

#: Badge colour of a state, redundant with its label.
STATE_COLOURS: dict[str, str] = {
    MessageState.DEFERRED: "warning",
    MessageState.HELD: "orange",
    MessageState.SENT: "success",
    MessageState.DELIVERED: "success",
    MessageState.CANCELLED: "secondary",
}


@register.filter
def state_colour(message: Message) -> str:
    """Return the badge colour of a message's state."""
    if message.state == MessageState.SENT and message.reason:
        return "warning"  # perhaps accepted
    return "danger" if message.is_lost else STATE_COLOURS.get(message.state, "info")
