"""All that an invoice says, gathered once and frozen: the PDF and the XML are both written from these facts alone.

They are JSON: amounts and rates are strings of decimals, days are ISO dates. What is stored is never read anew from the
order, so that a document says tomorrow what it said today.
"""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING, NamedTuple, TypedDict

from licensing.catalogue.amounts import Amounts, by_rate
from licensing.catalogue.operations import day_in_france
from licensing.orders import preflight
from licensing.orders.invoicing import mentions
from licensing.orders.invoicing.countries import code_of
from licensing.orders.invoicing.exceptions import NoSeller, NotInvoiceable
from licensing.orders.models import DocumentKind, InvoiceKind, OrderKind, PublicBody, Seller
from schools.wording import school_name
from web import typography

if TYPE_CHECKING:
    from decimal import Decimal

    from licensing.orders.invoicing.numbering import Taken
    from licensing.orders.models import Order, OrderLine

# XML allows no control character, and a name that was pasted may hold one. Spaces that do not break stay.
_BLANKS = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029\ufffe\uffff]+")


class SellerFacts(TypedDict):
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


class BuyerFacts(TypedDict):
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
    service_code: str
    engagement_number: str


class LineFacts(TypedDict):
    description: str
    #: Which school the licences are for, where somebody else pays.
    detail: str
    quantity: int
    unit_ht: str
    vat_rate: str
    total_ht: str
    total_vat: str
    total_ttc: str
    begins_on: str
    ends_on: str


class RateFacts(TypedDict):
    vat_rate: str
    total_ht: str
    total_vat: str


class CorrectedFacts(TypedDict):
    """The invoice that a credit note takes back."""

    number: str
    issued_on: str
    reason: str


class Facts(TypedDict):
    kind: str
    number: str
    issued_on: str
    due_on: str
    order: str
    ordered_on: str
    quote: str
    #: Number of the paper to be signed, without its later ranks; empty where none was made out.
    purchase_order: str
    #: What had come in when it was issued; `paid_by` and `paid_on` where that was all of it.
    received: str
    paid_by: str
    paid_on: str
    seller: SellerFacts
    buyer: BuyerFacts
    lines: list[LineFacts]
    rates: list[RateFacts]
    total_ht: str
    total_vat: str
    total_ttc: str
    terms: str
    mentions: mentions.Mentions
    corrects: CorrectedFacts | None


class Settled(NamedTuple):
    """What had come in for an order when its invoice was made out; how and when, where nothing is left to pay."""

    received: Decimal
    by: str = ""
    on: datetime.date | None = None


def of_order(order: Order, *, settled: Settled, at: datetime.datetime) -> Facts:
    """Return what the invoice of an order says, all but its number and its days, which `numbered` adds.

    Raises `NoSeller` or `NotInvoiceable`.
    """
    seller = _seller()
    lines = list(order.lines.select_related("school_year").order_by("pk"))
    ordered_on = day_in_france(order.placed_at or at)
    if not lines or not order.total_ttc:
        raise NotInvoiceable("Cette commande n'a rien à facturer.")
    if any(not line.vat_rate for line in lines):
        raise NotInvoiceable(
            "Une ligne est sans TVA : la facture devrait dire en vertu de quel article, et ne le peut pas."
        )
    rates = by_rate(
        (line.vat_rate, Amounts(ht=line.total_ht, vat=line.total_vat, ttc=line.total_ttc)) for line in lines
    )
    public = preflight.is_public(
        payer=order.payer, school=order.school, body=PublicBody.objects.filter(pk=order.siret).first()
    )
    return Facts(
        kind=InvoiceKind.INVOICE,
        number="",
        issued_on="",
        due_on="",
        order=str(order.pk),
        ordered_on=ordered_on.isoformat(),
        quote=order.quote_number,
        purchase_order=_purchase_order(order),
        received=_money(settled.received),
        paid_by=settled.by,
        paid_on=settled.on.isoformat() if settled.on else "",
        seller=_of_seller(seller),
        buyer=_of_buyer(order),
        lines=[_of_line(line, order, begins_on=min(ordered_on, line.school_year.ends_on)) for line in lines],
        rates=[
            RateFacts(vat_rate=_money(one.rate), total_ht=_money(one.amounts.ht), total_vat=_money(one.amounts.vat))
            for one in rates
        ],
        total_ht=_money(order.total_ht),
        total_vat=_money(order.total_vat),
        total_ttc=_money(order.total_ttc),
        terms="",
        mentions=mentions.of_payer(public=public, vat_on_debits=seller.vat_on_debits),
        corrects=None,
    )


def of_credit(invoice: Facts, *, reason: str) -> Facts:
    """Return what the credit note of an invoice says, without its number and its day: the same, taken back.

    The seller is as he is today. Raises `NoSeller`.
    """
    said = invoice.copy()
    said["kind"] = InvoiceKind.CREDIT_NOTE
    said["received"], said["paid_by"], said["paid_on"] = "0.00", "", ""
    said["seller"] = _of_seller(_seller())
    said["corrects"] = CorrectedFacts(number=invoice["number"], issued_on=invoice["issued_on"], reason=_plain(reason))
    return said


def numbered(said: Facts, taken: Taken) -> Facts:
    """Return the facts with their number, their day, and what follows from it: until when it is to be paid, or was."""
    due_on = taken.issued_on
    if said["corrects"] is not None:
        terms = mentions.taken_back(
            said["corrects"]["number"], datetime.date.fromisoformat(said["corrects"]["issued_on"])
        )
    elif said["paid_on"]:
        due_on = datetime.date.fromisoformat(said["paid_on"])
        terms = mentions.paid(said["paid_by"], due_on)
    else:
        due_on += datetime.timedelta(days=mentions.DAYS_TO_PAY)
        terms = mentions.terms(due_on)
    finished = said.copy()
    finished["number"], finished["issued_on"] = taken.number, taken.issued_on.isoformat()
    finished["due_on"], finished["terms"] = due_on.isoformat(), terms
    return finished


def _purchase_order(order: Order) -> str:
    """Return the number of the purchase order, by which an accounts office files what it commits; empty without one."""
    made = order.documents.filter(kind=DocumentKind.PURCHASE_ORDER).order_by("pk")
    return made.values_list("number", flat=True).first() or ""


def _seller() -> Seller:
    seller = Seller.objects.filter(pk=1).first()
    if seller is None:
        raise NoSeller("Le vendeur n'est pas renseigné : rien ne peut être facturé avant.")
    return seller


def _of_seller(seller: Seller) -> SellerFacts:
    return SellerFacts(
        name=_plain(seller.name),
        legal_form=_plain(seller.legal_form),
        address=_plain(seller.address),
        postal_code=_plain(seller.postal_code),
        city=_plain(seller.city),
        siret=_code(seller.siret),
        vat_number=_code(seller.vat_number),
        rcs=_plain(seller.rcs),
        email=_plain(seller.email),
        phone=_plain(seller.phone),
        iban=_code(seller.iban),
        bic=_code(seller.bic),
    )


def _of_buyer(order: Order) -> BuyerFacts:
    if not order.bill_name.strip():
        raise NotInvoiceable("La commande n'a pas d'adresse de facturation.")
    # Platforms want an electronic address of every buyer: the one who ordered has one.
    email = order.bill_email or (order.placed_by.email if order.placed_by else "")
    return BuyerFacts(
        payer=order.payer,
        name=_plain(order.bill_name),
        address=_plain(order.bill_address),
        address_extra=_plain(order.bill_address_extra),
        postal_code=_plain(order.bill_postal_code),
        city=_plain(order.bill_city),
        country=_plain(order.bill_country) or "France",
        country_code=code_of(order.bill_country),
        email=_plain(email),
        siret=_code(order.siret),
        service_code=_plain(order.service_code),
        engagement_number=_plain(order.engagement_number),
    )


def _of_line(line: OrderLine, order: Order, *, begins_on: datetime.date) -> LineFacts:
    ends_on = line.school_year.ends_on
    return LineFacts(
        description=f"{_plain(line.description)} – expiration au {typography.short_day(ends_on)}",
        detail=_beneficiary(order),
        quantity=line.billed_quantity,
        unit_ht=_money(line.unit_ht),
        vat_rate=_money(line.vat_rate),
        total_ht=_money(line.total_ht),
        total_vat=_money(line.total_vat),
        total_ttc=_money(line.total_ttc),
        begins_on=begins_on.isoformat(),
        ends_on=ends_on.isoformat(),
    )


def _beneficiary(order: Order) -> str:
    """Return whom the licences are for, where the invoice would not say it: who pays must recognise it."""
    if order.school is not None:
        school = order.school
        uai = f"UAI{typography.NO_BREAK_SPACE}{school.uai}"
        return _plain(f"Pour {school_name(school.name)}, {school.postal_code} {school.commune} ({uai})")
    if order.kind != OrderKind.SHOP or order.placed_by is None:
        return ""
    typed = order.placed_by.affiliations.filter(school__isnull=True).order_by("since", "pk").first()
    if typed is not None:
        return _plain(f"Pour {typed.name}, {typed.postal_code} {typed.city}")
    buyer = order.placed_by.get_full_name()
    return "" if buyer == order.bill_name else _plain(f"Pour {buyer}")


def _money(amount: Decimal) -> str:
    return f"{amount:.2f}"


def _plain(text: str) -> str:
    return _BLANKS.sub(" ", text).strip(" ")


def _code(text: str) -> str:
    return "".join(_BLANKS.sub("", text).split())
