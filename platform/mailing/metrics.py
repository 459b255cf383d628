"""E-mails of all outboxes, counted by what became of them."""

from __future__ import annotations

from prometheus_client import Counter

from core.metrics import count_on_commit
from mailing.models import MessageState

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
