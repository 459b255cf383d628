"""Search of sales by number and amount, as the operator reads, hears and mistypes them.

A number may come with the name of its document (« facture n° P2026-10 », « cde 12 », « DV2026-12 »), without its
letter, or with a letter O for a zero. Where no sale has an amount, those a slip away from it are shown: its cents left
out, or two digits swapped.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Abs

from licensing.books.billing import queries
from licensing.books.billing.models import Invoice
from licensing.orders.models import Order
from licensing.orders.queries import is_under_review
from licensing.payments.models import Payment
from schools import uai
from schools.folding import fold
from schools.models import School

MAX_SALES = 200
_MAX_ORDER_ID = 2**63 - 1
_MAX_SEQUENCE = 2**31 - 1

_INVOICE_WORDS = frozenset(("facture", "factures", "fact", "fac", "fa", "f", "avoir", "av", "p"))
_ORDER_WORDS = frozenset(("commande", "commandes", "cde", "cmd", "com", "devis", "dv", "bon", "de", "bc"))
_OTHER_WORDS = frozenset(("n", "no", "num", "numero", "ref", "reference", "du", "la", "le", "l"))
#: Before a number, without a space.
_GLUED = re.compile(r"\b(facture|fact|fac|fa|f|avoir|av|p|commande|cde|cmd|devis|dv|bc|n|no)(?=[0-9])")
#: A word of digits in which letters stand for some: « p2o26 », « 00001o ».
_MISREAD = re.compile(r"\b[a-z]{0,2}[0-9oil]*[0-9][0-9oil]*\b")
_LOOKALIKES = str.maketrans("oil", "011")
#: The number of a quote or of a purchase order: the year, and the order's own, with a rank from the second on.
_OF_ORDER = re.compile(r"(20[0-9]{2}) 0*([1-9][0-9]{0,18})(?: [0-9]{1,2})?")
_OF_INVOICE = re.compile(r"(20[0-9]{2}) ?(0[0-9]{2} [0-9]{3}|0*[1-9][0-9]{0,5})")
#: In a sentence with other words: after the name of its paper, or with all of its ten digits.
_IN_SENTENCE = re.compile(
    r"(?:\b(?:facture|fact|fac|fa|avoir)s? (?:(?:n|no|numero) ?)?(?P<year>20[0-9]{2}) ?0*(?P<rank>[1-9][0-9]{0,5})"
    r"|\b(?P<whole_year>20[0-9]{2}) ?(?P<whole_rank>0[0-9]{2} ?[0-9]{3}))\b"
)
#: A document's number that no key is: letters, year, and a rank of less digits than a key has.
_DOCUMENT = re.compile(r"\s*(?:dv|bc|fa|f|p)\s?20[0-9]{2}[\s/._-]0*[1-9][0-9]{0,6}(?:/[0-9]{1,2})?\s*", re.IGNORECASE)
#: The name of a document in full, and a number: « commande 1719 » has as many symbols as a key.
_NAMED_DOCUMENT = re.compile(
    r"\s*(?:factures?|avoir|devis|(?:bon de )?commandes?)\s+(?:n\s?[°ºo]?\s*)?[0-9]{1,10}\s*", re.IGNORECASE
)
_CURRENCY = re.compile(r"(?:€|\b(?:eur|euros?|ttc|ht)\b|\s)+$", re.IGNORECASE)
_ENGLISH_AMOUNT = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]{1,2})?")
#: A SIREN or a SIRET.
_REGISTRATION_LENGTHS = (9, 14)


class SaleNumber(NamedTuple):
    """What a number may mean: of an invoice by year and sequence, by sequence alone, or of an order."""

    invoice: tuple[int, int] | None = None
    sequence: int | None = None
    order_id: int | None = None


@dataclass
class Sales:
    """The sales that were found."""

    invoices: list[Invoice]
    orders: list[Order]
    payments: list[Payment]

    @property
    def is_empty(self) -> bool:
        return not (self.invoices or self.orders or self.payments)


def is_document_number(text: str) -> bool:
    """Return whether a text is the number of an invoice, a quote or a purchase order, and so no key. Pure."""
    return bool(queries.find_numbers(text) or _DOCUMENT.fullmatch(text) or _NAMED_DOCUMENT.fullmatch(text))


def read_number(text: str) -> SaleNumber:
    """Return what the number in a text may mean, whatever paper is named before it. Pure."""
    folded = _MISREAD.sub(_read_digits, _GLUED.sub(r"\1 ", fold(text)))
    words = _GLUED.sub(r"\1 ", folded).split()
    named = {word for word in words if word.isalpha()}
    digits = " ".join(word for word in words if word.isdecimal())
    known = _INVOICE_WORDS | _ORDER_WORDS | _OTHER_WORDS
    if not named or not named <= known or not all(word.isdecimal() or word in known for word in words):
        return _read_number_in_sentence(folded)
    of_order = named & _ORDER_WORDS and not named & _INVOICE_WORDS
    if of_order and (match := _OF_ORDER.fullmatch(digits)):
        return SaleNumber(order_id=_bounded(match[2], _MAX_ORDER_ID))
    if not of_order and (match := _OF_INVOICE.fullmatch(digits)):
        return SaleNumber(invoice=(int(match[1]), int(match[2].replace(" ", ""))))
    if not digits.isdecimal():
        return SaleNumber()
    if named & _INVOICE_WORDS:
        return SaleNumber(sequence=_bounded(digits, _MAX_SEQUENCE))
    return SaleNumber(order_id=_bounded(digits, _MAX_ORDER_ID))


def _read_number_in_sentence(folded: str) -> SaleNumber:
    match = _IN_SENTENCE.search(folded)
    if match is None:
        return SaleNumber()
    year, rank = match["whole_year"] or match["year"], match["whole_rank"] or match["rank"]
    sequence = int(rank.replace(" ", ""))
    return SaleNumber(invoice=(int(year), sequence)) if sequence else SaleNumber()


def read_amount(text: str) -> Decimal | None:
    """Return the amount of a text in euros, French or English, without its sign; None if it is not one. Pure."""
    bare = _CURRENCY.sub("", text.strip())
    return queries.parse_amount(bare.replace(",", "") if _ENGLISH_AMOUNT.fullmatch(bare) else bare)


def list_near_amounts(amount: Decimal) -> list[Decimal]:
    """Return the amounts that two swapped digits make of this one. Pure."""
    cents = str(int(amount * 100))
    swapped = {cents[:at] + cents[at + 1] + cents[at] + cents[at + 2 :] for at in range(len(cents) - 1)}
    return sorted(Decimal(one) / 100 for one in swapped if int(one) and one != cents)


def find_sales(text: str) -> Sales:
    """Return the invoices, orders and payments of a number, an amount or a SIREN or SIRET, the latest first."""
    terms, amount, number = queries.parse(text), read_amount(text), read_number(text)
    registration = _read_registration(text)
    meant = Q(
        pk__in=queries.search_invoices(
            Invoice.objects.all(), registration or text, by_client=bool(registration)
        ).values("pk")
    )
    if number.invoice is not None:
        meant |= Q(year=number.invoice[0], sequence=number.invoice[1])
    if number.sequence is not None:
        meant |= Q(sequence=number.sequence)
    if amount is not None:
        meant |= Q(total_ttc=amount) | Q(total_ht=amount)
    invoices = Invoice.objects.filter(meant)
    ordered = Q(pk__in=invoices.values("order"))
    for order_id in {terms.order_id, number.order_id} - {None}:
        ordered |= Q(pk=order_id)
    if registration:
        ordered |= Q(siret__startswith=registration) | Q(siren=registration[:9])
    if amount:
        ordered |= Q(total_ttc=amount) | Q(total_ht=amount)
    paid = Q(amount__in=[amount, -amount]) if amount else Q(pk__in=[])
    found = list_sales(invoices, Order.objects.filter(ordered), Payment.objects.filter(paid))
    return _find_near(amount, without_cents="," not in text and "." not in text) if found.is_empty and amount else found


def _find_near(amount: Decimal, *, without_cents: bool) -> Sales:
    """Return the sales of an amount with the cents left out (`without_cents`), or with two digits swapped."""
    near = list_near_amounts(amount)
    price, paid = Q(total_ttc__in=near), Q(amount__in=[*near, *(-one for one in near)])
    if without_cents:
        price |= Q(total_ttc__gt=amount, total_ttc__lt=amount + 1)
        paid |= Q(amount__gt=amount, amount__lt=amount + 1) | Q(amount__gt=-amount - 1, amount__lt=-amount)
    return list_sales(Invoice.objects.filter(price), Order.objects.filter(price), Payment.objects.filter(paid))


def select_orders(orders: QuerySet[Order]) -> QuerySet[Order]:
    """Return orders with their client and whether they are under review, the latest first."""
    described = orders.select_related("collectivity", "school", "placed_by").annotate(under_review=is_under_review())
    return described.order_by("-pk")


def list_sales(invoices: QuerySet[Invoice], orders: QuerySet[Order], payments: QuerySet[Payment]) -> Sales:
    """Return these sales as results, the latest first. Three queries."""
    return Sales(
        invoices=list(invoices.select_related("order").defer("xml").order_by("-year", "-sequence")[:MAX_SALES]),
        orders=list(select_orders(orders)[:MAX_SALES]),
        payments=list(payments.select_related("order").order_by("-pk")[:MAX_SALES]),
    )


def _read_digits(match: re.Match[str]) -> str:
    return match[0].translate(_LOOKALIKES)


def _read_registration(text: str) -> str:
    digits = "".join(text.split())
    return digits if digits.isascii() and digits.isdecimal() and len(digits) in _REGISTRATION_LENGTHS else ""


def _bounded(digits: str, most: int) -> int | None:
    return int(digits) if int(digits) <= most else None


MAX_NEAR = 5
#: How far an amount may be from another and still be nearly it.
_TOLERANCE = Decimal("0.05")
_UAI_DIGITS = 7


def list_amounts_a_digit_away(amount: Decimal) -> list[Decimal]:
    """Return the amounts with one other digit. Pure."""
    cents = str(int(amount * 100))
    others = {cents[:at] + digit + cents[at + 1 :] for at in range(len(cents)) for digit in "0123456789"}
    return sorted(Decimal(one) / 100 for one in others - {cents} if int(one))


def find_near_sales(amount: Decimal) -> Sales:
    """Return the sales of the nearest amounts, within 5 % or a digit away: at most five amounts. Six queries."""
    low, high = amount * (1 - _TOLERANCE), amount * (1 + _TOLERANCE)
    near = list_amounts_a_digit_away(amount)
    price = Q(total_ttc__range=(low, high)) | Q(total_ttc__in=near)
    paid = Q(size__range=(low, high)) | Q(size__in=near)
    sizes = Payment.objects.alias(size=Abs("amount"))
    found: set[Decimal] = set()
    for rows, path in (
        (Order.objects.filter(price), "total_ttc"),
        (Invoice.objects.filter(price), "total_ttc"),
        (sizes.filter(paid), "size"),
    ):
        by_distance = rows.annotate(found=F(path), distance=Abs(F(path) - amount)).order_by("distance")
        found.update(by_distance.values_list("found", flat=True).distinct()[:MAX_NEAR])
    nearest = sorted(found, key=lambda one: abs(one - amount))[:MAX_NEAR]
    return list_sales(
        Invoice.objects.filter(total_ttc__in=nearest),
        Order.objects.filter(total_ttc__in=nearest),
        sizes.filter(size__in=nearest),
    )


def find_near_schools(text: str) -> list[School]:
    """Return the schools whose UAI is nearest to a text: a digit away, else the next ones. At most five, of three."""
    digits = uai.tidy(text)[:_UAI_DIGITS].zfill(_UAI_DIGITS)
    if not (digits.isascii() and digits.isdecimal()):
        return []
    others = {digits[:at] + digit + digits[at + 1 :] for at in range(_UAI_DIGITS) for digit in "0123456789"}
    others |= {digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :] for at in range(_UAI_DIGITS - 1)}
    near = School.objects.filter(pk__in=[one + uai.check_letter(one) for one in others]).order_by("pk")
    if found := list(near[:MAX_NEAR]):
        return found
    after = list(School.objects.filter(pk__gt=digits).order_by("pk")[:2])
    before = list(School.objects.filter(pk__lt=digits).order_by("-pk")[:2])
    return sorted([*before, *after], key=lambda one: one.pk)
