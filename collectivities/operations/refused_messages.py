"""Write to an address that a server refused: the decision of a member about messages that are held for it."""

from __future__ import annotations

import datetime
from collections.abc import Collection

from django.db import transaction

from accounts.models import User
from collectivities import audit_log
from mailing import refusals
from mailing.models import Message


@transaction.atomic
def write_anyway(*, message_ids: Collection[int], by: User, at: datetime.datetime) -> int:
    """Send those of the messages that wait for a hand, and record who decided it; return how many."""
    written = refusals.overrule(message_ids, at=at)
    messages = Message.objects.filter(pk__in=written).order_by("pk")
    audit_log.record_many(
        (
            audit_log.NewAuditEntry(
                "messages.overruled",
                f"E-mail envoyé quand même à {message.recipient}, adresse qui avait été refusée.",
                object_type="message",
                object_id=message.pk,
            )
            for message in messages
        ),
        by=by,
        at=at,
    )
    return len(written)
