"""Registration of the messages about keys with the outbox: how to render, show and resend them.

Imported when the app is ready. Joins `emails` and `operations`.
"""

from __future__ import annotations

import datetime

from accounts.models import User
from licensing.pools import emails, operations, reveal_emails
from licensing.pools.exceptions import UnknownAllocation
from licensing.pools.models import MANY_REVEALED, MessageKind
from mailing import kinds
from mailing.models import Message


def reveal(message: Message, *, by: User, at: datetime.datetime) -> kinds.RenderedEmail:
    """Return the message with its key, having recorded in the audit log that `by` saw it."""
    operations.reveal(allocation_id=_get_allocation_id(message), by=by, at=at)
    return emails.render_with_key(message)


def resend(message: Message, *, recipient: str, by: User, at: datetime.datetime) -> Message:
    """Resend the key of the message's allocation to `recipient`."""
    return operations.resend(allocation_id=_get_allocation_id(message), recipient=recipient, by=by, at=at)


def _get_allocation_id(message: Message) -> int:
    if message.topic_id is None:
        raise UnknownAllocation("Ce message ne se rapporte à aucune attribution.")
    return message.topic_id


def register_kinds() -> None:
    """Register the kinds of messages."""
    for kind in (MessageKind.KEY, MessageKind.REMINDER, MessageKind.REDUCED):
        kinds.register(
            kind,
            label=str(kind.label),
            render=emails.render,
            prefetch=emails.build_renderer,
            preview=emails.preview,
            reveal=reveal,
            resend=resend,
        )
    revoked = MessageKind.REVOKED
    kinds.register(
        revoked, label=str(revoked.label), render=emails.render, prefetch=emails.build_renderer, preview=emails.preview
    )
    kinds.register(
        MANY_REVEALED,
        label="Beaucoup de clés affichées",
        render=reveal_emails.render_many_revealed,
        preview=reveal_emails.render_many_revealed,
    )
