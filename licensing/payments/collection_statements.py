"""« 212 encaissée »: what a business paid of an invoice is told to the approved platform that took it.

The tax authority needs it of services whose VAT is due on payment (CGI 290 A): each payment is declared once, by VAT
rate, on an invoice that is not rejected. What went back is declared as a negative one, on the invoice on which it came.
"""

import datetime
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.db.models import CharField, Exists, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Concat

from core.calendar import PARIS
from core.formatting import euros
from core.money import CENT, round_to_cents
from licensing.books.billing.models import (
    REJECTED_STATES,
    Invoice,
    InvoiceKind,
    InvoiceRoute,
    PlatformState,
    PlatformStatus,
)
from licensing.books.billing.transmission.models import Transmission, TransmissionKind, TransmissionState
from licensing.books.billing.transmission.operations import request_declared_state
from licensing.books.billing.transmission.platforms import is_configured
from licensing.catalogue.models import Seller
from licensing.orders import order_events
from licensing.orders.payers import BuyerKind
from licensing.payments.models import Payment


def split_by_rate(amount: Decimal, totals: Mapping[Decimal, Decimal]) -> dict[Decimal, Decimal]:
    """Return the amount in proportion to the totals with VAT by rate, in euros; its parts add up to it exactly.

    What goes back is split as what came. Raises `ValueError` where the totals are not positive, or for a fraction of a
    cent.
    """
    whole_total = sum(totals.values(), Decimal(0))
    if whole_total <= 0 or amount != amount.quantize(CENT):
        raise ValueError("Nothing to split by, or a fraction of a cent.")
    parts: dict[Decimal, Decimal] = {}
    shared, counted = Decimal(0), Decimal(0)
    for rate, total in sorted(totals.items()):
        # By what is reached so far: the roundings cancel out, and the last part is exact.
        counted += total
        reached = round_to_cents(abs(amount) * counted / whole_total)
        parts[rate] = (reached - shared).copy_sign(amount)
        shared = reached
    return {rate: part for rate, part in parts.items() if part}


_STATUS = "212"
_NOON = datetime.time(12)


def declare_collections(*, at: datetime.datetime) -> int:
    """Ask for what is not declared yet to be declared; return how many payments."""
    if not is_configured(InvoiceRoute.PLATFORM) or Seller.objects.filter(vat_on_debits=True).exists():
        return 0
    # What went back goes where it came, which may have been declared this moment.
    return _declare_all(list_undeclared(), at=at) + _declare_all(list_undeclared_returns(), at=at)


def list_undeclared() -> QuerySet[Payment]:
    """Return what came in for businesses' invoices that the platform took, and that it was not told of."""
    rejected = PlatformStatus.objects.effective().filter(invoice=OuterRef("invoice"), state__in=REJECTED_STATES)
    taken = Transmission.objects.filter(
        ~Exists(rejected),
        kind=TransmissionKind.INVOICE,
        state=TransmissionState.ACCEPTED,
        route=InvoiceRoute.PLATFORM,
        invoice__order=OuterRef("order"),
        invoice__kind=InvoiceKind.INVOICE,
        invoice__buyer_kind=BuyerKind.TAXABLE,
    ).order_by("-pk")
    return _annotate_undeclared(Payment.objects.filter(refunds__isnull=True), taken)


def list_undeclared_returns() -> QuerySet[Payment]:
    """Return what went back, or never came in, of payments that the platform was told of."""
    return _annotate_undeclared(Payment.objects.filter(refunds__isnull=False), _list_declarations("refunds"))


def _annotate_undeclared(payments: QuerySet[Payment], transmissions: QuerySet[Transmission]) -> QuerySet[Payment]:
    """Return those that are not declared, each with the `invoice_id` of the first of some transmissions."""
    return (
        payments.annotate(invoice_id=Subquery(transmissions.values("invoice")[:1]))
        .filter(~Exists(_list_declarations("pk")), invoice_id__isnull=False)
        .order_by("pk")
    )


def _list_declarations(payment: str) -> QuerySet[Transmission]:
    """Return a subquery of what was declared of a payment, whichever invoice of its order it was declared on.

    `payment`: the name of the column that has its primary key.
    """
    suffix = Concat(Value(f"-{_STATUS}-"), Cast(OuterRef(payment), CharField()), output_field=CharField())
    return Transmission.objects.filter(
        kind=TransmissionKind.STATE, invoice__order=OuterRef("order"), tracking_id__endswith=suffix
    )


def _invoice_id(payment: Payment) -> int:
    # As `_annotate_undeclared` sets it.
    number: int = vars(payment)["invoice_id"]
    return number


def _declare_all(payments: QuerySet[Payment], *, at: datetime.datetime) -> int:
    found = list(payments)
    invoices = Invoice.objects.defer("xml").select_related("order").in_bulk({_invoice_id(one) for one in found})
    for payment in found:
        _declare(payment, invoices[_invoice_id(payment)], at=at)
    return len(found)


def _declare(payment: Payment, invoice: Invoice, *, at: datetime.datetime) -> None:
    totals = {
        Decimal(rate["vat_rate"]): Decimal(rate["total_ht"]) + Decimal(rate["total_vat"])
        for rate in invoice.snapshot["rates"]
    }
    content: dict[str, Any] = {
        "state": str(PlatformState.COLLECTED),
        "at": datetime.datetime.combine(payment.received_on, _NOON, tzinfo=PARIS).isoformat(),
        "amounts": [
            {"rate": str(rate), "amount": str(amount)} for rate, amount in split_by_rate(payment.amount, totals).items()
        ],
        "comment": _explain(payment),
    }
    tracking_id = f"{invoice.number}-{_STATUS}-{payment.pk}"
    request_declared_state(invoice_id=invoice.pk, tracking_id=tracking_id, content=content, by=None, at=at)
    what = "encaissement" if payment.amount > 0 else "décaissement"
    summary = f"Facture {invoice.number} – {what} de {euros(abs(payment.amount))} déclaré à la plateforme agréée."
    order_events.record(invoice.order, "collection_declared", summary, by=None, at=at)


def _explain(payment: Payment) -> str:
    """Return why money went back; empty where it came in."""
    if payment.amount > 0:
        return ""
    parts = (payment.get_kind_display(), payment.get_reversal_reason_display(), payment.explanation)
    return " – ".join(part for part in parts if part)
