"""The PDF of an invoice: made once, kept with its hash, and never made again."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from django.db import transaction

from licensing.orders.models import Document, DocumentKind, Invoice, InvoiceKind

if TYPE_CHECKING:
    import datetime

_KINDS = {InvoiceKind.INVOICE: DocumentKind.INVOICE, InvoiceKind.CREDIT_NOTE: DocumentKind.CREDIT_NOTE}


def document_of(invoice: Invoice, *, at: datetime.datetime) -> Document:
    """Return the PDF of an invoice or a credit note: as it was stored, else made and stored now.

    A worker makes it as soon as the invoice is issued; whoever asks before that makes it.
    """
    stored = Document.objects.filter(invoice=invoice).first()
    return stored or _store(invoice, at=at)


@transaction.atomic
def _store(invoice: Invoice, *, at: datetime.datetime) -> Document:
    from licensing.orders.invoicing import paper  # noqa: PLC0415 - with its fonts, for whoever prints alone

    # Two who ask at once must not make two: the second waits here, and finds the first's.
    Invoice.objects.select_for_update(no_key=True).get(pk=invoice.pk)
    stored = Document.objects.filter(invoice=invoice).first()
    if stored is not None:
        return stored
    content = paper.draw(invoice.facts, invoice.xml)
    return Document.objects.create(
        kind=_KINDS[InvoiceKind(invoice.kind)],
        order_id=invoice.order_id,
        invoice=invoice,
        number=invoice.number,
        content=content,
        sha256=hashlib.sha256(content).hexdigest(),
        made_at=at,
    )
