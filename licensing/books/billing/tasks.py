"""Background tasks of invoices."""

import datetime

from django.utils import timezone

from jobs.periodic_tasks import periodic_task
from jobs.tasks import task
from licensing.books.billing.invoicing import DOCUMENT_TASK, get_or_create_document
from licensing.books.billing.models import SEALED_INVOICES, Invoice


@task(name=DOCUMENT_TASK)
def render_invoice_pdf(*, invoice_id: int) -> None:
    """Render and store the PDF of an issued invoice. Idempotent."""
    get_or_create_document(Invoice.objects.get(pk=invoice_id), at=timezone.now())


@periodic_task(every=datetime.timedelta(minutes=10))
def seal_invoices() -> None:
    """Seal the new invoices and credit notes."""
    SEALED_INVOICES.seal_new_entries(at=timezone.now())
