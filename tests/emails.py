"""E-mails of the portal's outbox, as tests read them."""

import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django_tenants.utils import schema_context

from mailing import kinds
from mailing.kinds import RenderedEmail
from mailing.models import Message

#: What a bounced message has besides its state, and one that waits for a hand besides being held.
BOUNCE_FIELDS: dict[str, Any] = {
    "reason": "Cette adresse n'existe pas : corrigez-la et renvoyez le message.",
    "reported_at": datetime.datetime(2026, 11, 24, 10, 5, tzinfo=ZoneInfo("Europe/Paris")),
}
WAITING_FIELDS: dict[str, Any] = {"refusal": "waiting", "reason": "Cette adresse a été refusée."}


def list_emails(kind: str = "", *, recipient: str = "") -> list[Message]:
    """Return the e-mails of a kind and to an address, where they are given, oldest first."""
    conditions = {name: value for name, value in {"kind": kind, "recipient": recipient}.items() if value}
    with schema_context("public"):
        return list(Message.objects.filter(**conditions).order_by("pk"))


def render_email(message: Message) -> RenderedEmail:
    """Return the e-mail as it would be sent now."""
    with schema_context("public"):
        return kinds.get(message.kind).render(message)


def render_only_email(kind: str) -> RenderedEmail:
    """Return the only e-mail of a kind, rendered."""
    [message] = list_emails(kind)
    return render_email(message)


def render_latest_email(kind: str) -> tuple[str, RenderedEmail]:
    """Return the recipient of the latest e-mail of a kind, and the e-mail rendered."""
    message = list_emails(kind)[-1]
    return message.recipient, render_email(message)
