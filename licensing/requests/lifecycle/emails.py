"""E-mails about what somebody asked: queued in the portal's outbox, signed by the collectivity that asks or answers."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable
from dataclasses import replace

from django_tenants.utils import get_public_schema_name, schema_context, tenant_context

from collectivities.queries import get_office_contact, get_office_settings
from mailing.kinds import RenderedEmail
from mailing.models import Message
from mailing.operations import NewMessage, cancel, enqueue_many
from tenants.models import Collectivity


def write(emails: Iterable[NewMessage], at: datetime.datetime, *, due_at: datetime.datetime | None = None) -> None:
    """Queue e-mails in the portal's outbox, to be sent at once or at `due_at`."""
    with schema_context(get_public_schema_name()):
        enqueue_many(emails, at=at, due_at=due_at)


def cancel_unsent(topic: str, topic_ids: Collection[int], at: datetime.datetime) -> None:
    """Cancel the portal's e-mails about these that have not left."""
    with schema_context(get_public_schema_name()):
        cancel(topic, topic_ids, at)


def get_topic_id(message: Message) -> int:
    """Return the number of what the e-mail is about. Raises `ValueError` for one about nothing."""
    if message.topic_id is None:
        raise ValueError(f"A message of kind {message.kind} needs a topic_id.")
    return message.topic_id


def sign(email: RenderedEmail, collectivity: Collectivity) -> RenderedEmail:
    """Return an e-mail as the collectivity's own: a reply to it goes to them."""
    with tenant_context(collectivity):
        presentation = get_office_settings()
        contact = get_office_contact(presentation)
    return replace(email, from_name=presentation.sender_name or collectivity.name, reply_to=contact.email)
