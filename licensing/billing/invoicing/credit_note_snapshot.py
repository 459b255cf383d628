"""Snapshot of a credit note, built from that of its invoice: of all of it, of a part, or of what earlier ones left."""

from __future__ import annotations

from decimal import Decimal

from core import formatting
from core.money import Amounts
from licensing.billing.invoicing import legal_notices
from licensing.billing.invoicing.invoice_snapshot import (
    CorrectedInvoiceSnapshot,
    CreditScope,
    InvoiceSnapshot,
    build_seller,
    clean_text,
    format_decimal,
)
from licensing.billing.models import InvoiceKind


def build_credit_note(
    invoice: InvoiceSnapshot, *, reason: str, refund_by: str = "", replaced: bool = False, left: Amounts | None = None
) -> InvoiceSnapshot:
    """Build the snapshot of the credit note that cancels an invoice, without its number and date.

    `refund_by`: the `PaymentMethod` of the refund, empty if nothing is to go back; `replaced`: another invoice follows.
    `left`: what partial credit notes left of it; None where there is none. The seller's details are the current ones.
    Raises `NoSeller`.
    """
    scope = CreditScope.TOTAL if left is None else CreditScope.REST
    terms = legal_notices.format_refund_terms(refund_by, replaced=replaced)
    snapshot = _start(invoice, reason=reason, scope=scope, refund_by=refund_by, refund_terms=terms)
    return snapshot if left is None else _reduce(snapshot, left, wording="Reste de la facture")


def build_partial_credit_note(
    invoice: InvoiceSnapshot, *, amounts: Amounts, licences: int, reason: str, refund_by: str = ""
) -> InvoiceSnapshot:
    """Build the snapshot of a credit note that takes back a part of an invoice, without its number and date.

    `licences`: how many are taken back, 0 for a reduction of the price alone. Raises `NoSeller`.
    """
    terms = legal_notices.format_refund_terms(refund_by, partial=True)
    snapshot = _start(invoice, reason=reason, scope=CreditScope.PART, refund_by=refund_by, refund_terms=terms)
    assert snapshot["corrects"] is not None  # noqa: S101 - as set by `_start`
    snapshot["corrects"]["licences"] = licences
    wording = f"Reprise de {formatting.pluralize(licences, 'licence')}" if licences else "Réduction de prix"
    return _reduce(snapshot, amounts, wording=wording, licences=licences)


def _start(
    invoice: InvoiceSnapshot, *, reason: str, scope: CreditScope, refund_by: str, refund_terms: str
) -> InvoiceSnapshot:
    snapshot = invoice.copy()
    snapshot["kind"] = InvoiceKind.CREDIT_NOTE
    snapshot["received"], snapshot["paid_by"], snapshot["paid_on"] = "0.00", "", ""
    snapshot["seller"] = build_seller()
    snapshot["corrects"] = CorrectedInvoiceSnapshot(
        number=invoice["number"],
        issued_on=invoice["issued_on"],
        reason=clean_text(reason),
        refund_by=refund_by,
        refund_terms=refund_terms,
        scope=scope,
    )
    return snapshot


def _reduce(snapshot: InvoiceSnapshot, amounts: Amounts, *, wording: str, licences: int = 0) -> InvoiceSnapshot:
    """Replace the one line of an invoice, and its totals, by a part of it."""
    [full], [rate] = snapshot["lines"], snapshot["rates"]
    line = full.copy()
    line["description"] = f"{wording} – {full['description']}"
    # A school's tier has one price for all its licences: a part of it is one unit.
    by_unit = licences > 0 and licences * Decimal(full["unit_ht"]) == amounts.ht
    line["quantity"] = licences if by_unit else 1
    line["unit_ht"] = full["unit_ht"] if by_unit else format_decimal(amounts.ht)
    ht, vat, ttc = (format_decimal(amount) for amount in amounts)
    line["total_ht"], line["total_vat"], line["total_ttc"] = ht, vat, ttc
    snapshot["total_ht"], snapshot["total_vat"], snapshot["total_ttc"] = ht, vat, ttc
    snapshot["lines"] = [line]
    snapshot["rates"] = [{**rate, "total_ht": ht, "total_vat": vat}]
    return snapshot
