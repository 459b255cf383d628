"""Background tasks of orders."""

from __future__ import annotations

import datetime

from django.utils import timezone

from jobs.tasks import task
from jobs.upkeep import duty
from licensing.orders import operations
from licensing.orders.card import tasks as card_tasks  # noqa: F401 - workers import only this module
from licensing.orders.invoicing import document_of
from licensing.orders.invoicing.issuing import DOCUMENT_TASK
from licensing.orders.models import Invoice


@task(name=DOCUMENT_TASK, retry=3)
def make_invoice_document(*, invoice_id: int) -> None:
    """Render and store the PDF of an issued invoice. Idempotent."""
    document_of(Invoice.objects.get(pk=invoice_id), at=timezone.now())


@duty(every=datetime.timedelta(hours=1))
def remind_and_lapse() -> None:
    """Send due reminders of purchase orders, and lapse expired orders."""
    operations.remind_and_lapse(timezone.now())
