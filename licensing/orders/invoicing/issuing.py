"""Making out an invoice, and taking one back. The caller has locked the order, in the transaction of the whole step.

To be called as late in it as can be: until it ends, whoever else makes out an invoice waits for the number.
"""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from django.db.models import Sum
from django_tenants.utils import get_public_schema_name

from jobs.tasks import defer
from licensing.catalogue.operations import day_in_france
from licensing.orders.invoicing import cii, facts, numbering
from licensing.orders.invoicing.exceptions import AlreadyCredited, AlreadyInvoiced, NotInvoiceable
from licensing.orders.models import Invoice, InvoiceKind, PaymentMethod

if TYPE_CHECKING:
    from licensing.orders.models import Order

#: The task that makes the PDF, outside the request.
DOCUMENT_TASK = "orders.make_invoice_document"


def issue(order: Order, *, at: datetime.datetime, paid_by_card: bool = False) -> Invoice:
    """Make out the invoice of an order, and queue its PDF; return it.

    It says what has come in already; `paid_by_card`: that all of it has, whatever the books say yet. Raises
    `AlreadyInvoiced`, `NoSeller` or `NotInvoiceable`, and takes no number then.
    """
    live = order.invoices.filter(kind=InvoiceKind.INVOICE, credit__isnull=True).first()
    if live is not None:
        raise AlreadyInvoiced(f"Cette commande est déjà facturée, sous le numéro {live.number}.")
    day = day_in_france(at)
    said = facts.of_order(order, settled=_settled(order, day, paid_by_card=paid_by_card), at=at)
    return _enter(Invoice(kind=InvoiceKind.INVOICE, order=order), said, day=day, at=at)


def credit(invoice: Invoice, *, at: datetime.datetime, reason: str) -> Invoice:
    """Take an invoice back by a credit note over all of it, and queue its PDF; return the credit note.

    Raises `NotInvoiceable` or `AlreadyCredited`, and takes no number then.
    """
    if invoice.kind != InvoiceKind.INVOICE:
        raise NotInvoiceable(f"{invoice.number} est un avoir : seule une facture peut être annulée.")
    earlier = Invoice.objects.filter(corrects=invoice).first()
    if earlier is not None:
        raise AlreadyCredited(f"La facture {invoice.number} est déjà annulée par l'avoir {earlier.number}.")
    if not reason.strip():
        raise NotInvoiceable("Indiquez le motif de l'avoir : il y est écrit.")
    said = facts.of_credit(invoice.facts, reason=reason)
    note = Invoice(kind=InvoiceKind.CREDIT_NOTE, order=invoice.order, corrects=invoice)
    return _enter(note, said, day=max(day_in_france(at), invoice.issued_on), at=at)


def _settled(order: Order, day: datetime.date, *, paid_by_card: bool) -> facts.Settled:
    received = order.payments.aggregate(sum=Sum("amount"))["sum"] or Decimal("0.00")
    last = order.payments.filter(refunds__isnull=True, refund__isnull=True).order_by("received_on", "pk").last()
    if last is not None and received >= order.total_ttc:
        return facts.Settled(order.total_ttc, by=last.method, on=last.received_on)
    return facts.Settled(order.total_ttc, by=PaymentMethod.CARD, on=day) if paid_by_card else facts.Settled(received)


def _enter(invoice: Invoice, said: facts.Facts, *, day: datetime.date, at: datetime.datetime) -> Invoice:
    """Take the next number, write the XML, which the XSD must accept, and enter the invoice in the books."""
    taken = numbering.take(day)
    said = facts.numbered(said, taken)
    invoice.year, invoice.sequence, invoice.number = taken.year, taken.sequence, taken.number
    invoice.issued_at, invoice.issued_on = at, taken.issued_on
    invoice.due_on = datetime.date.fromisoformat(said["due_on"])
    invoice.total_ht, invoice.total_vat, invoice.total_ttc = (
        Decimal(said[name]) for name in ("total_ht", "total_vat", "total_ttc")
    )
    invoice.facts, invoice.xml = said, cii.write(said)
    invoice.save(force_insert=True)
    defer(DOCUMENT_TASK, schema=get_public_schema_name(), invoice_id=invoice.pk)
    return invoice
