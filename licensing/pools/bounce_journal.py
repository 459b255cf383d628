"""The journal's line of each e-mail of an office that bounced; on the school's page where it is about a key."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from django_tenants.utils import get_public_schema_name

from collectivities import audit_log
from core.connections import connection
from licensing.pools.models import ALLOCATION_TOPIC, Allocation
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
