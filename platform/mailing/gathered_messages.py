"""Messages that gather: what happens about one subject within a while is told in one e-mail.

The message waits from the first event on, and later ones are added to it. What a worker has claimed gathers no more:
the next event begins a new message. So each event is in one message, and is rendered with it.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from core.advisory_locks import hold_transaction_lock
from core.tenant_connection import connection
from mailing.models import Message, MessageState
from mailing.operations import enqueue

#: Where the context of such a message holds its events, in order.
EVENTS = "events"


@transaction.atomic
def enqueue_gathered(
    *,
    kind: str,
    recipient: str,
    event: list[Any],
    at: datetime.datetime,
    period: datetime.timedelta,
    topic: str,
    topic_id: int,
    context: Mapping[str, Any],
) -> Message:
    """Add an event to the message about this subject that waits for this recipient; enqueue one if none does.

    It is due `period` after its first event. `context`: what the messages of one recipient have in common.
    """
    # Two transactions that find no message would each begin one; what the first began is not seen before its end.
    hold_transaction_lock(f"mailing.gathered:{connection.schema_name}:{kind}:{topic}:{topic_id}")
    # Locked: a worker skips it meanwhile, and one that was faster has changed its state. What may have been accepted
    # (`unanswered`) is perhaps not rendered again.
    waiting = (
        Message.objects.filter(
            kind=kind,
            recipient=recipient,
            topic=topic,
            topic_id=topic_id,
            context__contains=dict(context),
            state__in=(MessageState.QUEUED, MessageState.DEFERRED),
            unanswered=0,
        )
        .locked()
        .first()
    )
    if waiting is None:
        return enqueue(
            kind=kind,
            recipient=recipient,
            at=at,
            due_at=at + period,
            topic=topic,
            topic_id=topic_id,
            context={**context, EVENTS: [event]},
        )
    waiting.context[EVENTS].append(event)
    waiting.save(update_fields=["context"])
    return waiting
