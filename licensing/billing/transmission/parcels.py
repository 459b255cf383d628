"""What is handed to a platform, built from stored rows."""

from __future__ import annotations

import datetime
from decimal import Decimal

from licensing.billing.invoicing import get_or_create_document
from licensing.billing.invoicing.invoice_snapshot import BuyerSnapshot
from licensing.billing.models import Invoice, PlatformState
from licensing.billing.transmission.interface import (
    Declaration,
    DeclaredState,
    InvoiceParcel,
    RateAmount,
    SentTransmission,
)
from licensing.billing.transmission.models import Transmission
from licensing.orders import siret_numbers


def build_parcel(transmission: Transmission, *, at: datetime.datetime) -> InvoiceParcel:
    """Return the invoice as it is sent; its PDF is rendered if it is not yet."""
    invoice = _get_invoice(transmission)
    buyer = invoice.snapshot["buyer"]
    return InvoiceParcel(
        tracking_id=transmission.tracking_id,
        number=invoice.number,
        kind=invoice.kind,
        buyer_kind=invoice.buyer_kind,
        issued_on=invoice.issued_on,
        seller_siret=invoice.snapshot["seller"]["siret"],
        buyer_siret=buyer["siret"],
        buyer_siren=_get_siren(buyer),
        file_name=f"{invoice.number}.pdf",
        pdf=bytes(get_or_create_document(invoice, at=at).content),
        xml=invoice.xml,
    )


def describe_sent(transmission: Transmission) -> SentTransmission:
    """Return what was sent, as its platform is asked about it. Raises `ValueError` where nothing was."""
    if transmission.sent_at is None:
        raise ValueError(f"{transmission} was not sent")
    invoice = transmission.invoice
    return SentTransmission(
        tracking_id=transmission.tracking_id,
        reference=transmission.reference,
        sent_at=transmission.sent_at,
        number=invoice.number if invoice else "",
        issued_on=invoice.issued_on if invoice else None,
        seller_siret=invoice.snapshot["seller"]["siret"] if invoice else "",
    )


def build_declared_state(transmission: Transmission) -> DeclaredState:
    """Return the state that a transmission declares, of its content: « state », « at », « amounts », « comment »."""
    content, invoice = transmission.content, _get_invoice(transmission)
    buyer = invoice.snapshot["buyer"]
    return DeclaredState(
        tracking_id=transmission.tracking_id,
        state=PlatformState(content["state"]),
        at=datetime.datetime.fromisoformat(content["at"]),
        made_at=transmission.asked_at,
        amounts=tuple(
            RateAmount(rate=Decimal(one["rate"]), amount=Decimal(one["amount"])) for one in content["amounts"]
        ),
        comment=content.get("comment", ""),
        invoice_kind=invoice.kind,
        seller_name=invoice.snapshot["seller"]["name"],
        buyer_name=buyer["name"],
        buyer_siret=buyer["siret"],
        buyer_siren=_get_siren(buyer),
    )


def build_declaration(transmission: Transmission) -> Declaration:
    """Return the report that a transmission declares, of its content: « begins_on », « ends_on », and its figures."""
    content = transmission.content
    return Declaration(
        tracking_id=transmission.tracking_id,
        begins_on=datetime.date.fromisoformat(content["begins_on"]),
        ends_on=datetime.date.fromisoformat(content["ends_on"]),
        content=content,
    )


def _get_siren(buyer: BuyerSnapshot) -> str:
    # Older snapshots have it only where there is no SIRET.
    return buyer.get("siren") or buyer["siret"][: siret_numbers.SIREN_LENGTH]


def _get_invoice(transmission: Transmission) -> Invoice:
    if transmission.invoice is None:
        raise ValueError(f"{transmission} is of no invoice")
    return transmission.invoice
