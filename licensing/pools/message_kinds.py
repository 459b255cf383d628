"""Registration of the messages about keys with the outbox, and the journal's line of each one that bounced.

Imported when the app is ready. Joins `emails` and `operations`.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from django_tenants.utils import get_public_schema_name

from accounts.models import User
from collectivities import audit_log
from core.connections import connection
from licensing.pools import emails, key_emails
from licensing.pools.exceptions import UnknownAllocation
from licensing.pools.models import ALLOCATION_TOPIC, MANY_REVEALED, Allocation, MessageKind
from mailing import kinds
from mailing.models import Message


def record_bounces(messages: Sequence[Message], at: datetime.datetime) -> None:
    """Record in the journal of the current office that these e-mails bounced. One query and one COPY."""
    if connection.schema_name == get_public_schema_name():
        return
    ids = [message.topic_id for message in messages if message.topic == ALLOCATION_TOPIC]
    schools = dict(Allocation.objects.filter(pk__in_array=ids).values_list("pk", "school_id")) if ids else {}
    audit_log.record_many(
        (
            audit_log.NewAuditEntry(
                "messages.bounced",
                f"E-mail « {kinds.get_label(message.kind)} » non remis à {message.recipient} : {message.explanation}",
                school_id=schools.get(message.topic_id or 0, ""),
                object_type="message",
                object_id=message.pk,
            )
            for message in messages
        ),
        by=None,
        at=at,
    )


def reveal(message: Message, *, by: User, at: datetime.datetime) -> kinds.RenderedEmail:
    """Return the message with its key, having recorded in the audit log that `by` saw it."""
    key_emails.reveal(allocation_id=_get_allocation_id(message), by=by, at=at)
    return emails.render_with_key(message)


def resend(message: Message, *, recipient: str, by: User, at: datetime.datetime) -> Message:
    """Resend the key of the message's allocation to `recipient`."""
    return key_emails.resend(allocation_id=_get_allocation_id(message), recipient=recipient, by=by, at=at)


def _get_allocation_id(message: Message) -> int:
    if message.topic_id is None:
        raise UnknownAllocation("Ce message ne se rapporte à aucune attribution.")
    return message.topic_id


def register_kinds() -> None:
    """Register the kinds of messages."""
    for kind in MessageKind:
        has_key = kind != MessageKind.REVOKED
        kinds.register(
            kind,
            label=str(kind.label),
            render=emails.render,
            prefetch=emails.build_renderer,
            preview=emails.preview,
            reveal=reveal if has_key else None,
            resend=resend if has_key else None,
        )
    kinds.register(
        MANY_REVEALED,
        label="Beaucoup de clés affichées",
        render=emails.render_many_revealed,
        preview=emails.render_many_revealed,
    )
