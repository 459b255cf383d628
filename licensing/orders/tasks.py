"""Work of orders outside requests."""

from __future__ import annotations

import datetime

from django.utils import timezone

from jobs.tasks import task
from jobs.upkeep import duty
from licensing.orders import operations
from licensing.orders.card import tasks as card_tasks  # noqa: F401 - workers look for tasks in this module alone
from licensing.orders.invoicing import document_of
from licensing.orders.invoicing.issuing import DOCUMENT_TASK
from licensing.orders.models import Invoice


@task(name=DOCUMENT_TASK, retry=3)
def make_invoice_document(*, invoice_id: int) -> None:
    """Make the PDF of an invoice that was just issued. Once, however often it is asked for."""
    document_of(Invoice.objects.get(pk=invoice_id), at=timezone.now())


@duty(every=datetime.timedelta(hours=1))
def remind_and_lapse() -> None:
    """Remind those whose purchase order is awaited, and say of the orders that ran out that they did."""
    operations.remind_and_lapse(timezone.now())
