"""Making out an invoice, and taking one back. The caller has locked the order, in the transaction of the whole step.

To be called as late in it as can be: until it ends, whoever else makes out an invoice waits for the number.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from django_tenants.utils import get_public_schema_name

from jobs.tasks import defer
from licensing.catalogue.operations import day_in_france
from licensing.orders.invoicing import cii, facts, numbering
from licensing.orders.invoicing.exceptions import AlreadyCredited, AlreadyInvoiced, NotInvoiceable
from licensing.orders.invoicing.mentions import DAYS_TO_PAY
from licensing.orders.models import Invoice, InvoiceKind

if TYPE_CHECKING:
    from licensing.orders.models import Order

#: The task that makes the PDF, outside the request.
DOCUMENT_TASK = "orders.make_invoice_document"


def issue(order: Order, *, at: datetime.datetime, paid_by_card: bool = False) -> Invoice:
    """Make out the invoice of an order, and queue its PDF; return it.

    `paid_by_card`: nothing is left to pay, and the invoice says so. Raises `AlreadyInvoiced`, `NoSeller` or
    `NotInvoiceable`, and takes no number then.
    """
    live = order.invoices.filter(kind=InvoiceKind.INVOICE, credit__isnull=True).first()
    if live is not None:
        raise AlreadyInvoiced(f"Cette commande est déjà facturée, sous le numéro {live.number}.")
    taken = numbering.take(day_in_france(at))
    due_on = taken.issued_on if paid_by_card else taken.issued_on + datetime.timedelta(days=DAYS_TO_PAY)
    said = facts.of_order(
        order, number=taken.number, issued_on=taken.issued_on, due_on=due_on, at=at, paid=paid_by_card
    )
    return _enter(Invoice(kind=InvoiceKind.INVOICE, order=order, due_on=due_on), taken, said, at=at)


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
    taken = numbering.take(max(day_in_france(at), invoice.issued_on))
    said = facts.of_credit(invoice.facts, number=taken.number, issued_on=taken.issued_on, reason=reason)
    note = Invoice(kind=InvoiceKind.CREDIT_NOTE, order=invoice.order, corrects=invoice, due_on=taken.issued_on)
    return _enter(note, taken, said, at=at)


def _enter(invoice: Invoice, taken: numbering.Taken, said: facts.Facts, *, at: datetime.datetime) -> Invoice:
    invoice.year, invoice.sequence, invoice.number = taken.year, taken.sequence, taken.number
    invoice.issued_at, invoice.issued_on = at, taken.issued_on
    order = invoice.order
    invoice.total_ht, invoice.total_vat, invoice.total_ttc = order.total_ht, order.total_vat, order.total_ttc
    invoice.facts, invoice.xml = said, cii.write(said)
    invoice.save(force_insert=True)
    defer(DOCUMENT_TASK, schema=get_public_schema_name(), invoice_id=invoice.pk)
    return invoice
