"""Invoices and credit notes: gapless numbers, a frozen snapshot, and the XML and PDF rendered from it.

What issues is called by operations that hold the order's lock and record the event.
"""

import datetime
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator
from decimal import Decimal
from typing import IO

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django_tenants.utils import get_public_schema_name

from core import formatting
from core.advisory_locks import hold_transaction_lock
from core.calendar import PARIS, date_in_paris
from core.exceptions import Refusal
from core.money import Amounts, subtract, take_part
from core.spreadsheets import build_csv
from jobs.tasks import defer
from licensing.books.billing import cii, snapshots
from licensing.books.billing.models import (
    REJECTED_STATES,
    BillingDocument,
    BillingDocumentKind,
    Invoice,
    InvoiceKind,
    InvoiceRoute,
    PlatformStatus,
)
from licensing.books.billing.queries import get_amount_received, sum_credited
from licensing.books.billing.transmission.models import Transmission
from licensing.orders.exceptions import BadAmount, NotInvoiceable
from licensing.orders.models import ZERO, Order
from licensing.orders.order_events import lock_order
from licensing.orders.payers import BuyerKind, get_buyer_kind
from licensing.orders.settlement import PaymentMethod


def get_or_create_document(invoice: Invoice, *, at: datetime.datetime) -> BillingDocument:
    """Return the stored PDF of an invoice or a credit note; render and store it if absent.

    A task renders it once the invoice is issued; an earlier request renders it first.
    """
    stored = BillingDocument.objects.filter(invoice=invoice).first()
    return stored or _store(invoice, at=at)


@transaction.atomic
def _store(invoice: Invoice, *, at: datetime.datetime) -> BillingDocument:
    from licensing.books.billing import documents, invoice_pdf  # noqa: PLC0415 - load fonts, only needed to render

    # A concurrent request waits here, then finds the stored document. No row lock: it asks for the right to change the
    # invoice, which nobody has.
    hold_transaction_lock(f"invoice_pdf:{invoice.pk}")
    stored = BillingDocument.objects.filter(invoice=invoice).first()
    if stored is not None:
        return stored
    document = BillingDocument(
        kind=BillingDocumentKind(invoice.kind), number=invoice.number, order_id=invoice.order_id, invoice=invoice
    )
    return documents.store_document(document, invoice_pdf.render_pdf(invoice.snapshot, invoice.xml), at=at)


# Issuing invoices and credit notes. The caller holds the order's lock, in the transaction of its operation.
#
# Call it as late as possible in the transaction: until it ends, other invoices wait for the lock on the number.

#: Background task that renders the PDF.
DOCUMENT_TASK = "billing.render_invoice_pdf"


def issue_invoice(order: Order, *, at: datetime.datetime, paid_by_card: bool = False) -> Invoice:
    """Issue the invoice of an order and queue its PDF; return it.

    It states the amount already received; `paid_by_card` marks it fully paid before the payment is recorded. Raises
    `Refusal` or `NotInvoiceable`; no number is used then.
    """
    current = order.invoices.current().first()
    if current is not None:
        raise Refusal("already_invoiced", f"Cette commande est déjà facturée, sous le numéro {current.number}.")
    day = date_in_paris(at)
    buyer_kind = get_buyer_kind(order)
    paid = _paid_amount(order, day, paid_by_card=paid_by_card)
    snapshot = snapshots.build_invoice(order, buyer_kind=buyer_kind, paid=paid, at=at)
    return _save(Invoice(kind=InvoiceKind.INVOICE, order=order, buyer_kind=buyer_kind), snapshot, day=day, at=at)


def issue_credit_note(invoice: Invoice, *, at: datetime.datetime, reason: str, replaced: bool = False) -> Invoice:
    """Cancel an invoice by a credit note of all that is left of it, and queue its PDF; return the credit note.

    It says how the amount goes back: as it was paid, or not at all where nothing was or where another invoice follows
    that takes what was paid (`replaced`).

    Raises `NotInvoiceable` or `Refusal`; no number is used then.
    """
    _check_creditable(invoice, reason)
    credited = sum_credited(invoice)
    snapshot = snapshots.build_credit_note(
        invoice.snapshot,
        reason=reason,
        refund_by="" if replaced else _refund_method(invoice.order),
        replaced=replaced,
        left=subtract(_get_amounts(invoice), credited) if credited.ttc else None,
    )
    return _save_note(invoice, snapshot, is_partial=False, at=at)


def issue_partial_credit_note(
    invoice: Invoice, *, ttc: Decimal, licences: int, reason: str, goes_back: bool, at: datetime.datetime
) -> Invoice:
    """Take back a part of an invoice and queue the credit note's PDF; return the credit note.

    `ttc`: in euros, VAT included. `licences`: how many the part is for, 0 for a reduction of the price alone.
    `goes_back`: whether money goes back; otherwise the invoice is to be paid less the part. Raises `NotInvoiceable`,
    `Refusal`, or `BadAmount` for what is not a part of what is left; no number is used then.
    """
    _check_creditable(invoice, reason)
    total, credited = _get_amounts(invoice), sum_credited(invoice)
    left = total.ttc - credited.ttc
    if not 0 < ttc < left:
        raise BadAmount(
            f"Il reste {formatting.euros(left)} sur la facture {invoice.number} ; vous voulez en reprendre "
            f"{formatting.euros(ttc)}. Pour tout reprendre, annulez la commande."
        )
    snapshot = snapshots.build_partial_credit_note(
        invoice.snapshot,
        amounts=take_part(total, credited, ttc),
        licences=licences,
        reason=reason,
        refund_by=_refund_method(invoice.order) if goes_back else "",
    )
    return _save_note(invoice, snapshot, is_partial=True, at=at)


def _save_note(
    invoice: Invoice, snapshot: snapshots.InvoiceSnapshot, *, is_partial: bool, at: datetime.datetime
) -> Invoice:
    note = Invoice(kind=InvoiceKind.CREDIT_NOTE, order=invoice.order, corrects=invoice, is_partial=is_partial)
    # It goes where the invoice went.
    note.buyer_kind = invoice.buyer_kind
    return _save(note, snapshot, day=max(date_in_paris(at), invoice.issued_on), at=at)


def _check_creditable(invoice: Invoice, reason: str) -> None:
    if invoice.kind != InvoiceKind.INVOICE:
        raise NotInvoiceable(f"{invoice.number} est un avoir : seule une facture peut être annulée.")
    earlier = invoice.get_cancelling_note()
    if earlier is not None:
        raise Refusal("already_credited", f"La facture {invoice.number} est déjà annulée par l'avoir {earlier.number}.")
    if not reason.strip():
        raise NotInvoiceable("Indiquez le motif de l'avoir : il y est écrit.")


def _get_amounts(invoice: Invoice) -> Amounts:
    return Amounts(ht=invoice.total_ht, vat=invoice.total_vat, ttc=invoice.total_ttc)


def _refund_method(order: Order) -> str:
    """Return how the last payment of an order was made, which is how it goes back; empty if nothing was received."""
    # A card provider may have refunded it before we cancel: the note still says how the money went back.
    # What was reversed never came in, and what partial credit notes gave back is not given back again.
    refunded = order.payments.filter(kind="refunded").exclude(provider_refund="")
    if get_amount_received(order) <= 0 and not refunded.exists():
        return ""
    received = order.payments.filter(refunds__isnull=True).order_by("received_on", "pk")
    return received.values_list("method", flat=True).last() or ""


def _paid_amount(order: Order, day: datetime.date, *, paid_by_card: bool) -> snapshots.PaidAmount:
    received = get_amount_received(order)
    # What was refunded or reversed in total paid nothing.
    left = F("amount") + Coalesce(Sum("taken_back__amount"), ZERO)
    payments = order.payments.filter(refunds__isnull=True).alias(left=left).filter(left__gt=0)
    last = payments.order_by("received_on", "pk").last()
    if last is not None and received >= order.total_ttc:
        return snapshots.PaidAmount(order.total_ttc, by=last.method, on=last.received_on)
    return (
        snapshots.PaidAmount(order.total_ttc, by=PaymentMethod.CARD, on=day)
        if paid_by_card
        else snapshots.PaidAmount(received)
    )


def _save(
    invoice: Invoice, snapshot: snapshots.InvoiceSnapshot, *, day: datetime.date, at: datetime.datetime
) -> Invoice:
    """Allocate the next number, render and validate the XML, and save the invoice."""
    number = snapshots.allocate_number(day)
    snapshot = snapshots.add_number(snapshot, number)
    invoice.year, invoice.sequence, invoice.number = number.year, number.sequence, number.number
    invoice.issued_at, invoice.issued_on = at, number.issued_on
    invoice.due_on = datetime.date.fromisoformat(snapshot["due_on"])
    invoice.total_ht, invoice.total_vat, invoice.total_ttc = (
        Decimal(snapshot[name]) for name in ("total_ht", "total_vat", "total_ttc")
    )
    invoice.snapshot, invoice.xml = snapshot, cii.render_xml(snapshot, route=invoice.route)
    invoice.save(force_insert=True)
    defer(DOCUMENT_TASK, schema=get_public_schema_name(), invoice_id=invoice.pk)
    return invoice


# Batches of invoices to deposit, one a route: a ZIP archive of PDFs and nothing else, and a CSV list beside it.
#
# A platform takes every file of an archive for an invoice. Read-only: `operations.record_deposit` records the deposit.

#: Maximum number of invoices in an archive: the platforms' limit.
MAX_BATCH_SIZE = 100


def list_undeposited(route: InvoiceRoute | None = None) -> QuerySet[Invoice]:
    """Return the invoices and credit notes to deposit that have no platform status, oldest first.

    `route`: only those that go that way. Excludes those to consumers, which no platform takes; those on their way to a
    platform; and credit notes of rejected invoices, which the payer never booked.
    """
    identified = ~Q(snapshot__buyer__siret="") | Q(snapshot__buyer__siren__gt="")
    statuses = PlatformStatus.objects.effective()
    waiting = Invoice.objects.exclude(buyer_kind=BuyerKind.CONSUMER).filter(identified)
    waiting = waiting.exclude(Exists(statuses.filter(invoice=OuterRef("pk"))))
    waiting = waiting.exclude(Exists(Transmission.objects.live().filter(invoice=OuterRef("pk"))))
    rejected = Exists(statuses.filter(invoice=OuterRef("corrects"), state__in=REJECTED_STATES))
    waiting = waiting.exclude(rejected)
    if route is not None:
        waiting = waiting.by_route(route)
    return waiting.order_by("year", "sequence")


def lock_undeposited(invoice_ids: Collection[int]) -> Iterator[Invoice]:
    """Yield those of the invoices that are to be deposited still, each once its order is locked, by primary key."""
    waiting = list_undeposited().filter(pk__in=invoice_ids).order_by("order_id", "pk")
    for invoice_id, order_id in list(waiting.values_list("pk", "order_id")):
        lock_order(order_id)
        # Looked at again under the lock: it may be on its way to the platform by now.
        yield from list_undeposited().filter(pk=invoice_id).defer("xml", "snapshot")


def write_batch(file: IO[bytes], invoices: Iterable[Invoice], *, at: datetime.datetime) -> None:
    """Write a ZIP archive of the Factur-X PDFs into `file`."""
    # PDFs are already compressed.
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for invoice in invoices:
            content = bytes(get_or_create_document(invoice, at=at).content)
            archive.writestr(zipfile.ZipInfo(_file_name(invoice), at.astimezone(PARIS).timetuple()[:6]), content)


def build_batch_list(invoices: Iterable[Invoice]) -> bytes:
    """Return the CSV list of a batch, one line a file of the archive, as spreadsheets read it."""
    return build_csv(tuple(_COLUMNS), ([read(invoice) for read in _COLUMNS.values()] for invoice in invoices))


def _file_name(invoice: Invoice) -> str:
    return f"{invoice.number}.pdf"


def _comma(amount: str) -> str:
    return str(Decimal(amount)).replace(".", ",")


#: Title → cell of an invoice.
_COLUMNS: dict[str, Callable[[Invoice], str]] = {
    "Fichier": _file_name,
    "Nature": lambda invoice: invoice.get_kind_display(),
    "Numéro": lambda invoice: invoice.number,
    "Date": lambda invoice: formatting.short_date(invoice.issued_on),
    "Échéance": lambda invoice: formatting.short_date(invoice.due_on),
    "Client": lambda invoice: invoice.snapshot["buyer"]["name"],
    "SIRET": lambda invoice: invoice.snapshot["buyer"]["siret"],
    "SIREN": lambda invoice: invoice.snapshot["buyer"].get("siren", ""),
    "Code service": lambda invoice: invoice.snapshot["buyer"]["service_code"],
    "Numéro d'engagement": lambda invoice: invoice.snapshot["buyer"]["engagement_number"],
    "Total HT": lambda invoice: _comma(invoice.snapshot["total_ht"]),
    "TVA": lambda invoice: _comma(invoice.snapshot["total_vat"]),
    "Total TTC": lambda invoice: _comma(invoice.snapshot["total_ttc"]),
    "Facture corrigée": lambda invoice: invoice.snapshot["corrects"]["number"] if invoice.snapshot["corrects"] else "",
}
