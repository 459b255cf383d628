"""An e-mail as it leaves: the rendered text, and the headers that are ours.

The Message-ID follows from the message's row: sent twice (a worker died between the server's answer and our note of
it), the two carry the same, and a mailbox that looks at it keeps one. A bounce that quotes it finds its message.
"""

from __future__ import annotations

from email.headerregistry import Address
from email.utils import format_datetime, parseaddr
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import connection
from django.utils import timezone

if TYPE_CHECKING:
    import datetime

    from mailing.kinds import Rendered
    from mailing.models import Message


def message_id(message: Message) -> str:
    """Return the Message-ID of a message of the schema that is entered; always the same one."""
    moment = int(message.created_at.timestamp() * 1_000_000)
    return f"<{connection.schema_name}.{message.pk}.{moment:x}@{settings.BASE_DOMAIN}>"  # type: ignore[attr-defined]


def compose(message: Message, rendered: Rendered, *, at: datetime.datetime) -> EmailMultiAlternatives:
    """Return the e-mail, ready to be sent.

    Raises `ValueError` when the recipient, or what was rendered for a header, cannot stand in one.
    """
    own_name, own_address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    schema = connection.schema_name.replace("_", "-")  # type: ignore[attr-defined]
    email = EmailMultiAlternatives(
        subject=" ".join(rendered.subject.split()),
        body=rendered.text,
        from_email=str(Address(" ".join(rendered.from_name.split()) or own_name, addr_spec=own_address)),
        to=[message.recipient],
        reply_to=[rendered.reply_to] if rendered.reply_to else None,
        headers={
            "Message-ID": message_id(message),
            "Date": format_datetime(timezone.localtime(at)),
            # No holiday answers, no loops: written by a machine.
            "Auto-Submitted": "auto-generated",
            "X-Auto-Response-Suppress": "All",
            # What a mailbox may sort by: one list a sender and kind.
            "List-Id": f"<{message.kind.replace('_', '-')}.{schema}.{settings.BASE_DOMAIN}>",
        },
    )
    if rendered.html:
        email.attach_alternative(rendered.html, "text/html")
    return email
