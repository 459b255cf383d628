"""« 212 encaissée »: what a business paid of an invoice is told to the approved platform that took it.

The tax authority needs it of services whose VAT is due on payment (CGI 290 A): each payment is declared once, by VAT
rate, and what went back as a negative one.
"""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db.models import CharField, Exists, OuterRef, Subquery, Value
from django.db.models.functions import Cast, Concat

from core.calendar import PARIS
from core.formatting import euros
from licensing.billing.models import Invoice, InvoiceKind, InvoiceRoute, PlatformState
from licensing.billing.transmission.models import Transmission, TransmissionKind, TransmissionState
from licensing.billing.transmission.operations import request_declared_state
from licensing.billing.transmission.platforms import is_configured
from licensing.catalogue.models import Seller
from licensing.orders.buyer_kinds import BuyerKind
from licensing.orders.operations import order_events
from licensing.payments.models import Payment
from licensing.payments.rate_split import split_by_rate

if TYPE_CHECKING:
    from django.db.models import QuerySet

_STATUS = "212"
_NOON = datetime.time(12)


def declare_collections(*, at: datetime.datetime) -> int:
    """Ask for what is not declared yet to be declared; return how many payments."""
    if not is_configured(InvoiceRoute.PLATFORM) or Seller.objects.filter(vat_on_debits=True).exists():
        return 0
    payments = list(list_undeclared())
    invoices = Invoice.objects.defer("xml").select_related("order").in_bulk({_invoice_id(one) for one in payments})
    for payment in payments:
        _declare(payment, invoices[_invoice_id(payment)], at=at)
    return len(payments)


def list_undeclared() -> QuerySet[Payment]:
    """Return the payments of businesses' invoices that the platform took, and that it was not told of."""
    taken = Transmission.objects.filter(
        kind=TransmissionKind.INVOICE,
        state=TransmissionState.ACCEPTED,
        route=InvoiceRoute.PLATFORM,
        invoice__order=OuterRef("order"),
        invoice__kind=InvoiceKind.INVOICE,
        invoice__buyer_kind=BuyerKind.TAXABLE,
    ).order_by("-pk")
    tracking_id = Concat(
        OuterRef("invoice_number"), Value(f"-{_STATUS}-"), Cast(OuterRef("pk"), CharField()), output_field=CharField()
    )
    return (
        Payment.objects.annotate(
            invoice_id=Subquery(taken.values("invoice")[:1]),
            invoice_number=Subquery(taken.values("invoice__number")[:1]),
        )
        .filter(invoice_id__isnull=False)
        .exclude(Exists(Transmission.objects.filter(tracking_id=tracking_id)))
        .order_by("pk")
    )


def _invoice_id(payment: Payment) -> int:
    # An annotation of `list_undeclared`.
    number: int = vars(payment)["invoice_id"]
    return number


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
