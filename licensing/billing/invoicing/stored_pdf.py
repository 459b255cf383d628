"""The PDF of an invoice: rendered once and stored with its hash."""

from __future__ import annotations

import datetime

from django.db import transaction

from core.advisory_locks import hold_transaction_lock
from licensing.billing.documents.storage import store_document
from licensing.billing.models import BillingDocument, BillingDocumentKind, Invoice, InvoiceKind

_KINDS = {InvoiceKind.INVOICE: BillingDocumentKind.INVOICE, InvoiceKind.CREDIT_NOTE: BillingDocumentKind.CREDIT_NOTE}


def get_or_create_document(invoice: Invoice, *, at: datetime.datetime) -> BillingDocument:
    """Return the stored PDF of an invoice or a credit note; render and store it if absent.

    A task renders it once the invoice is issued; an earlier request renders it first.
    """
    stored = BillingDocument.objects.filter(invoice=invoice).first()
    return stored or _store(invoice, at=at)


@transaction.atomic
def _store(invoice: Invoice, *, at: datetime.datetime) -> BillingDocument:
    from licensing.billing.invoicing import invoice_pdf  # noqa: PLC0415 - loads fonts, only needed to render

    # A concurrent request waits here, then finds the stored document. No row lock: it asks for the right to change the
    # invoice, which nobody has.
    hold_transaction_lock(f"invoice_pdf:{invoice.pk}")
    stored = BillingDocument.objects.filter(invoice=invoice).first()
    if stored is not None:
        return stored
    content = invoice_pdf.render_pdf(invoice.snapshot, invoice.xml)
    return store_document(
        content,
        kind=_KINDS[InvoiceKind(invoice.kind)],
        number=invoice.number,
        order_id=invoice.order_id,
        invoice=invoice,
        at=at,
    )
