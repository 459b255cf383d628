"""What an invoice or a credit note says, as an immutable snapshot from which the PDF and the XML are rendered.

Snapshots hold the number and the legal notices that French law requires: changes of these apply to new invoices.

Code de commerce, articles L. 441-9 (content of an invoice), L. 441-10 and D. 441-5 (late payment); for public payers,
code de la commande publique, articles L. 2192-13, R. 2192-31 and D. 2192-35.
"""

import datetime
import enum
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple, NotRequired, TypedDict, cast

from core import formatting
from core.calendar import date_in_paris
from core.cells import get_cells
from core.exceptions import Refusal
from core.money import Amounts, RateTotal, total_by_rate
from core.text_templates import read_text_template
from licensing.books.billing.models import BillingDocumentKind, InvoiceKind, InvoiceSequence, SkippedNumbers
from licensing.catalogue.models import Seller
from licensing.orders import siret_numbers
from licensing.orders.exceptions import NotInvoiceable
from licensing.orders.models import Order, OrderKind, OrderLine
from licensing.orders.payers import BuyerKind
from licensing.orders.settlement import PAYS_BY_ON_INVOICE, PaymentMethod
from licensing.orders.vat import get_country_code
from schools.wording import format_school_name

# Numbers of invoices and credit notes: one gapless series a year for both, in the order of issue.
#
# Allocating a number locks the year's row until the transaction ends, so a rollback releases the number. A PostgreSQL
# sequence would leave a gap. A trigger also rejects a number that does not follow the last one. After a restoration
# those that lost invoices may have are skipped, and noted.


class InvoiceNumber(NamedTuple):
    """An invoice number and its issue date."""

    year: int
    sequence: int
    number: str
    issued_on: datetime.date


def skip_numbers(
    *, year: int, up_to: int, reason: str, day: datetime.date, at: datetime.datetime
) -> SkippedNumbers | None:
    """Have the next number of a year be the one after `up_to`; None where it is so already. In a transaction.

    `day`: of the first number of a year that has none.
    """
    row = _lock_sequence(year, day)
    if up_to <= row.last:
        return None
    skipped = SkippedNumbers.objects.create(year=year, first=row.last + 1, last=up_to, reason=reason, at=at)
    row.last = up_to
    row.save(update_fields=["last"])
    return skipped


def allocate_number(day: datetime.date) -> InvoiceNumber:
    """Allocate the next number of the year of `day`. The issue date is never earlier than the previous one."""
    row = _lock_sequence(day.year, day)
    row.last += 1
    # Clocks of two machines may differ, or midnight fall between two transactions: dates must follow numbers.
    row.last_on = max(row.last_on, day)
    row.save(update_fields=["last", "last_on"])
    return InvoiceNumber(row.year, row.last, format_number(row.year, row.last), row.last_on)


def format_number(year: int, sequence: int) -> str:
    """Return the number as documents show it: each cell has a series of its own, as the same seller issues them all."""
    series = f"{get_cells().mark}-P" if get_cells().mark else "P"
    return f"{series}{year}-{sequence:06}"


def _lock_sequence(year: int, day: datetime.date) -> InvoiceSequence:
    InvoiceSequence.objects.bulk_create([InvoiceSequence(year=year, last_on=day)], ignore_conflicts=True)
    return InvoiceSequence.objects.locked().get(pk=year)


#: Legal payment term of local authorities (code de la commande publique, article R. 2192-10), granted to all payers.
DAYS_TO_PAY = 30


class LegalNotices(TypedDict):
    """The legal notices. The French rules look them up by code (BT-21): PMD, PMT, AAB."""

    penalties: str
    indemnity: str
    discount: str
    vat: str
    vat_on_debits: bool
    operation: str


def build_legal_notices(*, public: bool, vat_on_debits: bool, without_vat: str = "") -> LegalNotices:
    """Return the legal notices of an invoice to a public body or another payer, consistent with the terms of sale.

    `without_vat`: why no VAT is charged, as documents state it; empty where some is.
    """
    context = {"public": public, "vat_on_debits": vat_on_debits, "without_vat": without_vat}
    texts = read_text_template("billing/documents/legal_notices.txt", context)
    notices = {label: " ".join(paragraphs) for label, paragraphs in texts.items()}
    return cast("LegalNotices", {**notices, "vat_on_debits": vat_on_debits})


def format_refund_terms(means: str, *, replaced: bool = False, partial: bool = False) -> str:
    """Return how the amount of a credit note goes back; `means`: a `PaymentMethod`, empty if nothing is to go back.

    `replaced`: another invoice follows, which takes what was paid. `partial`: the invoice is still to be paid.
    """
    if means:
        return PaymentMethod(means).rules.refund_terms
    if partial:
        return "Déduit de la facture : ce qui en reste à régler diminue d'autant."
    return (
        "Compensé avec la facture qui remplace celle-ci : rien n'est à rembourser."
        if replaced
        else "Compensé avec la facture annulée : rien n'est à régler ni à rembourser."
    )


# Immutable snapshot of an invoice's content, from which both the PDF and the XML are rendered.
#
# JSON: amounts and rates are decimal strings, days are ISO dates. A stored snapshot is never rebuilt from the order.

# Control characters are invalid in XML, and pasted text may contain some. No-break spaces are kept.
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029\ufffe\uffff]+")


class SellerSnapshot(TypedDict):
    name: str
    legal_form: str
    address: str
    postal_code: str
    city: str
    siret: str
    vat_number: str
    rcs: str
    email: str
    phone: str
    iban: str
    bic: str


class BuyerSnapshot(TypedDict):
    payer: str
    name: str
    address: str
    address_extra: str
    postal_code: str
    city: str
    country: str
    country_code: str
    email: str
    siret: str
    #: Also of those with a SIRET.
    siren: NotRequired[str]
    service_code: str
    engagement_number: str
    vat_number: str


class LineSnapshot(TypedDict):
    description: str
    #: The school that the licences are for, if the payer is someone else.
    detail: str
    quantity: int
    unit_ht: str
    vat_rate: str
    vat_category: str
    total_ht: str
    total_vat: str
    total_ttc: str
    begins_on: str
    ends_on: str


class VatRateSnapshot(TypedDict):
    vat_rate: str
    category: str
    #: Why no VAT is charged, and its code; empty where some is.
    reason: str
    reason_code: str
    total_ht: str
    total_vat: str


class CreditScope(enum.StrEnum):
    """How much of its invoice a credit note takes back: all of it, a part, or what earlier ones left."""

    TOTAL = "total"
    PART = "part"
    REST = "rest"


_CREDITS: dict[str, str] = {
    CreditScope.TOTAL: "Avoir total",
    CreditScope.PART: "Avoir partiel",
    CreditScope.REST: "Avoir pour le reste",
}


class CorrectedInvoiceSnapshot(TypedDict):
    """The invoice that a credit note cancels, or takes a part of back."""

    number: str
    issued_on: str
    reason: str
    #: How the amount goes back: a `PaymentMethod`, empty if it is set off; and in words.
    refund_by: NotRequired[str]
    refund_terms: NotRequired[str]
    #: What it takes back, a `CreditScope`; and how many licences.
    scope: NotRequired[str]
    licences: NotRequired[int]


class InvoiceSnapshot(TypedDict):
    kind: str
    number: str
    issued_on: str
    due_on: str
    order: str
    ordered_on: str
    quote: str
    #: Number of the purchase order document, of its first rank; empty if there is none.
    purchase_order: str
    #: Amount received when it was issued; `paid_by` and `paid_on` only if fully paid.
    received: str
    paid_by: str
    paid_on: str
    seller: SellerSnapshot
    buyer: BuyerSnapshot
    lines: list[LineSnapshot]
    rates: list[VatRateSnapshot]
    total_ht: str
    total_vat: str
    total_ttc: str
    terms: str
    mentions: LegalNotices
    corrects: CorrectedInvoiceSnapshot | None


class PaidAmount(NamedTuple):
    """Amount received for an order when its invoice is issued; method and day only if fully paid."""

    received: Decimal
    by: str = ""
    on: datetime.date | None = None


def build_invoice(order: Order, *, buyer_kind: BuyerKind, paid: PaidAmount, at: datetime.datetime) -> InvoiceSnapshot:
    """Build the snapshot of an order's invoice, without its number and dates, which `add_number` adds.

    Raises `Refusal` or `NotInvoiceable`.
    """
    seller = _get_seller()
    lines = list(order.lines.select_related("school_year", "entitlement").order_by("pk"))
    ordered_on = date_in_paris(order.placed_at or at)
    if not lines or not order.total_ttc:
        raise NotInvoiceable("Cette commande n'a rien à facturer.")
    at_rate = {line.vat_rate: line for line in lines}
    return InvoiceSnapshot(
        kind=InvoiceKind.INVOICE,
        number="",
        issued_on="",
        due_on="",
        order=str(order.pk),
        ordered_on=ordered_on.isoformat(),
        quote=order.quote_number,
        purchase_order=_purchase_order_number(order),
        received=format_decimal(paid.received),
        paid_by=paid.by,
        paid_on=paid.on.isoformat() if paid.on else "",
        seller=_seller_snapshot(seller),
        buyer=_buyer_snapshot(order),
        lines=[_line_snapshot(line, order, begins_on=_get_first_day(line, ordered_on)) for line in lines],
        rates=[
            VatRateSnapshot(
                vat_rate=format_decimal(one.rate),
                category=at_rate[one.rate].vat_category,
                reason=at_rate[one.rate].vat_reason,
                reason_code=at_rate[one.rate].vat_reason_code,
                total_ht=format_decimal(one.amounts.ht),
                total_vat=format_decimal(one.amounts.vat),
            )
            for one in total_lines_by_rate(lines)
        ],
        total_ht=format_decimal(order.total_ht),
        total_vat=format_decimal(order.total_vat),
        total_ttc=format_decimal(order.total_ttc),
        terms="",
        mentions=build_legal_notices(
            public=buyer_kind == BuyerKind.PUBLIC,
            vat_on_debits=seller.vat_on_debits,
            without_vat=" ".join(dict.fromkeys(line.vat_reason for line in lines if line.vat_reason)),
        ),
        corrects=None,
    )


def total_lines_by_rate(lines: Iterable[OrderLine]) -> list[RateTotal]:
    """Return the totals of an order's lines at each VAT rate."""
    return total_by_rate((line.vat_rate, Amounts(line.total_ht, line.total_vat, line.total_ttc)) for line in lines)


def add_number(snapshot: InvoiceSnapshot, taken: InvoiceNumber) -> InvoiceSnapshot:
    """Return the snapshot with its number, issue date, due date and payment terms."""
    due_on = taken.issued_on
    if snapshot["corrects"] is not None:
        corrects = snapshot["corrects"]
        corrected_on = formatting.long_date(datetime.date.fromisoformat(corrects["issued_on"]))
        terms = f"{_CREDITS[corrects['scope']]} sur la facture {corrects['number']} du {corrected_on}."
    elif snapshot["paid_on"]:
        due_on = datetime.date.fromisoformat(snapshot["paid_on"])
        means = PaymentMethod(snapshot["paid_by"]).label.lower()
        terms = f"Réglée par {means} le {formatting.long_date(due_on)}."
    else:
        due_on += datetime.timedelta(days=DAYS_TO_PAY)
        day = formatting.long_date(due_on)
        terms = f"Paiement à {DAYS_TO_PAY} jours, au plus tard le {day}, {PAYS_BY_ON_INVOICE}."
    days = {"issued_on": taken.issued_on.isoformat(), "due_on": due_on.isoformat()}
    return cast("InvoiceSnapshot", {**snapshot, **days, "number": taken.number, "terms": terms})


def _purchase_order_number(order: Order) -> str:
    """Return the number of the purchase order document; empty if there is none."""
    purchase_orders = order.documents.filter(kind=BillingDocumentKind.PURCHASE_ORDER).order_by("pk")
    return purchase_orders.values_list("number", flat=True).first() or ""


def build_seller() -> SellerSnapshot:
    """Build the snapshot of the seller as it is now. Raises `Refusal`."""
    return _seller_snapshot(_get_seller())


def _get_seller() -> Seller:
    seller = Seller.objects.filter(pk=1).first()
    if seller is None:
        raise Refusal("no_seller", "Le vendeur n'est pas renseigné : rien ne peut être facturé avant.")
    return seller


def _seller_snapshot(seller: Seller) -> SellerSnapshot:
    numbers = {name: _remove_spaces(getattr(seller, name)) for name in ("siret", "vat_number", "iban", "bic")}
    texts = {name: clean_text(getattr(seller, name)) for name in SellerSnapshot.__annotations__.keys() - numbers.keys()}
    return cast("SellerSnapshot", texts | numbers)


def _buyer_snapshot(order: Order) -> BuyerSnapshot:
    if not order.bill_name.strip():
        raise NotInvoiceable("La commande n'a pas d'adresse de facturation.")
    # Platforms require an electronic address of every buyer: fall back to the user's.
    email = order.bill_email or (order.placed_by.email if order.placed_by else "")
    return BuyerSnapshot(
        payer=order.payer,
        name=clean_text(order.bill_name),
        address=clean_text(order.bill_address),
        address_extra=clean_text(order.bill_address_extra),
        postal_code=clean_text(order.bill_postal_code),
        city=clean_text(order.bill_city),
        country=clean_text(order.bill_country) or "France",
        country_code=get_country_code(order.bill_country),
        email=clean_text(email),
        siret=_remove_spaces(order.siret),
        siren=_remove_spaces(order.siren) or _remove_spaces(order.siret)[: siret_numbers.SIREN_LENGTH],
        service_code=clean_text(order.service_code),
        engagement_number=clean_text(order.engagement_number),
        vat_number=_remove_spaces(order.vat_number),
    )


def _get_first_day(line: OrderLine, ordered_on: datetime.date) -> datetime.date:
    """Return the first day of the period that a line bills: of the order, or of its licences if they begin later."""
    if line.entitlement is None:
        return line.school_year.get_first_day(ordered_on)
    return min(max(ordered_on, line.entitlement.first_day), line.school_year.ends_on)


def _line_snapshot(line: OrderLine, order: Order, *, begins_on: datetime.date) -> LineSnapshot:
    ends_on = line.school_year.ends_on
    return LineSnapshot(
        description=f"{clean_text(line.description)} – expiration au {formatting.short_date(ends_on)}",
        detail=_beneficiary(order),
        quantity=line.billed_quantity,
        unit_ht=format_decimal(line.unit_ht),
        vat_rate=format_decimal(line.vat_rate),
        vat_category=line.vat_category,
        total_ht=format_decimal(line.total_ht),
        total_vat=format_decimal(line.total_vat),
        total_ttc=format_decimal(line.total_ttc),
        begins_on=begins_on.isoformat(),
        ends_on=ends_on.isoformat(),
    )


def _beneficiary(order: Order) -> str:
    """Return whom the licences are for, if the billing name does not say so; the payer needs it."""
    if order.school is not None:
        school = order.school
        uai = f"UAI{formatting.NO_BREAK_SPACE}{school.uai}"
        return clean_text(f"Pour {format_school_name(school.name)}, {school.postal_code} {school.commune} ({uai})")
    if order.kind != OrderKind.SHOP or order.placed_by is None:
        return ""
    typed = order.placed_by.affiliations.filter(school__isnull=True).order_by("since", "pk").first()
    if typed is not None:
        return clean_text(f"Pour {typed.name}, {typed.postal_code} {typed.city}")
    buyer = order.placed_by.get_full_name()
    return "" if buyer == order.bill_name else clean_text(f"Pour {buyer}")


def format_decimal(amount: Decimal) -> str:
    """Return an amount or a rate as snapshots have it."""
    return f"{amount:.2f}"


def clean_text(text: str) -> str:
    """Return a text without control characters and surrounding spaces: XML refuses the first."""
    return _CONTROL_CHARACTERS.sub(" ", text).strip(" ")


def _remove_spaces(text: str) -> str:
    return "".join(_CONTROL_CHARACTERS.sub("", text).split())


def build_credit_note(
    invoice: InvoiceSnapshot, *, reason: str, refund_by: str = "", replaced: bool = False, left: Amounts | None = None
) -> InvoiceSnapshot:
    """Build the snapshot of the credit note that cancels an invoice, without its number and date.

    `refund_by`: the `PaymentMethod` of the refund, empty if nothing is to go back; `replaced`: another invoice follows.
    `left`: what partial credit notes left of it; None where there is none. The seller's details are the current ones.
    Raises `Refusal`.
    """
    scope = CreditScope.TOTAL if left is None else CreditScope.REST
    terms = format_refund_terms(refund_by, replaced=replaced)
    snapshot = _start(invoice, reason=reason, scope=scope, refund_by=refund_by, refund_terms=terms)
    return snapshot if left is None else _reduce(snapshot, left, wording="Reste de la facture")


def build_partial_credit_note(
    invoice: InvoiceSnapshot, *, amounts: Amounts, licences: int, reason: str, refund_by: str = ""
) -> InvoiceSnapshot:
    """Build the snapshot of a credit note that takes back a part of an invoice, without its number and date.

    `licences`: how many are taken back, 0 for a reduction of the price alone. Raises `Refusal`.
    """
    terms = format_refund_terms(refund_by, partial=True)
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
