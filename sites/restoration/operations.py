"""What waited in a restored copy, and let it act again: what may have left is dropped, numbers are not given again."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import NamedTuple

from django.db import connection, transaction
from django_tenants.utils import tenant_context

from core.calendar import date_in_paris
from installation import hold
from licensing.billing.models import SkippedNumbers
from licensing.billing.snapshots import skip_numbers
from licensing.reminders.models import Reminder
from mailing.models import Message, MessageState
from tenants.models import Collectivity
from webhooks.models import Delivery, DeliveryState

DROPPED_MESSAGE = "Non envoyé : la base a été restaurée, et cet e-mail était peut-être déjà parti."
DROPPED_DELIVERY = "Non envoyé : la base a été restaurée, et cet envoi était peut-être déjà parti."
SKIPPING_REASON = "Base restaurée : des factures émises après la sauvegarde portent peut-être ces numéros."

_RAISE = """
SELECT count(setval(
    format('%%I.%%I', schemaname, sequencename)::regclass, least(max_value, coalesce(last_value, 0) + %(margin)s)
))
FROM pg_catalog.pg_sequences WHERE schemaname = ANY(%(schemas)s)
"""


class ResumptionResult(NamedTuple):
    """What was dropped, by how many, and what is not given again."""

    messages: int
    deliveries: int
    reminders: int
    sequences: int
    skipped: list[SkippedNumbers]


@transaction.atomic
def resume(
    *,
    drop_before: datetime.datetime | None,
    sequence_margin: int,
    last_invoices: Mapping[int, int],
    at: datetime.datetime,
) -> ResumptionResult:
    """Lift the hold, all or nothing. As the owner.

    `drop_before`: e-mails, webhooks and reminders that were due earlier are dropped; None sends all. `sequence_margin`:
    what each id is raised by. `last_invoices`: by year, the highest number that an invoice may have.
    """
    collectivities = list(Collectivity.objects.order_by("pk"))
    messages = deliveries = reminders = 0
    if drop_before is not None:
        messages = _drop_messages(drop_before, at=at)
        for collectivity in collectivities:
            with tenant_context(collectivity):
                messages += _drop_messages(drop_before, at=at)
                deliveries += _drop_deliveries(drop_before, at=at)
                reminders += _drop_reminders(date_in_paris(drop_before), at=at)
    skipped = [
        skip_numbers(year=year, up_to=last, reason=SKIPPING_REASON, day=date_in_paris(at), at=at)
        for year, last in sorted(last_invoices.items())
    ]
    sequences = _raise_sequences([each.schema_name for each in collectivities], sequence_margin)
    hold.resume()
    return ResumptionResult(messages, deliveries, reminders, sequences, [one for one in skipped if one is not None])


def _drop_messages(before: datetime.datetime, *, at: datetime.datetime) -> int:
    waiting = Message.objects.pending().filter(due_at__lt=before)
    perhaps_accepted = waiting.filter(unanswered__gt=0).call_off(at=at)
    return perhaps_accepted + waiting.update(state=MessageState.CANCELLED, reason=DROPPED_MESSAGE, lease_until=None)


def _drop_deliveries(before: datetime.datetime, *, at: datetime.datetime) -> int:
    waiting = Delivery.objects.pending().filter(next_at__lt=before)
    return waiting.update(state=DeliveryState.FAILED, settled_at=at, reason=DROPPED_DELIVERY, lease_until=None)


def _drop_reminders(day: datetime.date, *, at: datetime.datetime) -> int:
    waiting = Reminder.objects.filter(planned_for__lte=day, sent_at=None, cancelled_at=None)
    return waiting.update(cancelled_at=at)


def _raise_sequences(schemas: list[str], margin: int) -> int:
    """Raise every id and return how many series that are. No rollback takes it back; done twice it does no harm."""
    if not margin:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_RAISE, {"margin": margin, "schemas": ["public", *schemas]})
        count: int = cursor.fetchone()[0]
    return count
