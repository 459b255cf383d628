"""What the outbox may do with the messages about keys: render them, show them, send them again.

Loaded with the app. It joins what renders (`emails`) to what acts (`operations`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from licensing.pools import emails, operations
from licensing.pools.exceptions import UnknownAllocation
from licensing.pools.models import MessageKind
from mailing import kinds

if TYPE_CHECKING:
    import datetime

    from accounts.models import User
    from mailing.models import Message


def reveal(message: Message, *, by: User, at: datetime.datetime) -> kinds.Rendered:
    """Return the message with its key, once it is written in the journal that `by` saw it."""
    operations.reveal(allocation_id=_allocation(message), by=by, at=at)
    return emails.whole(message)


def resend(message: Message, *, recipient: str, by: User, at: datetime.datetime) -> Message:
    """Write the key of the message's allocation once more, to `recipient`."""
    return operations.resend(allocation_id=_allocation(message), recipient=recipient, by=by, at=at)


def _allocation(message: Message) -> int:
    if message.topic_id is None:
        raise UnknownAllocation("Ce message ne se rapporte à aucune attribution.")
    return message.topic_id


def register() -> None:
    """Tell the outbox of the four kinds."""
    for kind in (MessageKind.KEY, MessageKind.REMINDER, MessageKind.REDUCED):
        kinds.register(
            kind,
            label=str(kind.label),
            render=emails.render,
            gather=emails.gather,
            preview=emails.preview,
            reveal=reveal,
            resend=resend,
        )
    revoked = MessageKind.REVOKED
    kinds.register(
        revoked, label=str(revoked.label), render=emails.render, gather=emails.gather, preview=emails.preview
    )
