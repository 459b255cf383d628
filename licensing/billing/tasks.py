"""Background tasks of invoices."""

from __future__ import annotations

from django.utils import timezone

from jobs.tasks import task
from licensing.billing.invoicing import get_or_create_document
from licensing.billing.invoicing.issuance import DOCUMENT_TASK
from licensing.billing.models import Invoice


@task(name=DOCUMENT_TASK)
def render_invoice_pdf(*, invoice_id: int) -> None:
    """Render and store the PDF of an issued invoice. Idempotent."""
    get_or_create_document(Invoice.objects.get(pk=invoice_id), at=timezone.now())
