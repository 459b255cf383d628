"""Amounts received for orders, and the orders whose invoice was rejected.

Payments are recorded by the app above: they are read here by the reverse accessor `Order.payments`, because an invoice
states what was already paid.
"""

import re
from decimal import Decimal
from typing import NamedTuple

from django.db.models import DecimalField, Exists, F, Func, OuterRef, Q, QuerySet, Subquery, Sum, TextField, Value
from django.db.models.functions import Coalesce

from accounts.models import User
from core.cells import get_cells
from core.money import Amounts
from licensing.books.billing.models import Invoice
from licensing.orders.models import ZERO, Order, OrderKind
from schools.folding import fold

# Search of invoices as people type them: number, amount, client. Each condition has its index (migration 0003).
#
# A number is read as banks write it: « P2026 000010 », « P 2026 000 010 », « p2026-10 », anywhere in a statement's
# label. An amount is French: « 1 234,50 », « 1.234,50 € », « 199 ».

#: The sequence of a number: its six digits in two groups, « 000 002 », or without some of its zeros.
_SEQUENCE = r"(0[0-9]{2}\s[0-9]{3}|0*[1-9][0-9]{0,5})"
_NUMBER = re.compile(rf"\bp\s*(20[0-9]{{2}})[\s/._-]*{_SEQUENCE}\b", re.IGNORECASE)
#: Without its letter, where nothing else is typed.
_BARE_NUMBER = re.compile(rf"\s*(20[0-9]{{2}})[\s/._-]*{_SEQUENCE}\s*")
_AMOUNT = re.compile(
    r"-?([0-9]{1,3}(?:[ .][0-9]{3})+|[0-9]{1,9})(?:[.,]([0-9]{1,2}))? ?(?:€|eur|euros?)?",
    re.IGNORECASE,
)
#: A SIREN or a SIRET, typed in groups.
_REGISTRATION = re.compile(r"[0-9]{9}(?:[0-9]{5})?")
_MAX_ORDER_ID = 2**63 - 1


class ClientText(Func):
    """The search text of an invoice's client, as its index has it."""

    function = "public.billing_invoice_client"
    output_field = TextField()


class SearchTerms(NamedTuple):
    """What a text may mean. Several may hold: « 199 » is an amount and an order's number."""

    #: Year and sequence of each invoice number in it.
    numbers: list[tuple[int, int]]
    amount: Decimal | None
    order_id: int | None
    #: Folded words of a client's name, or a SIREN or SIRET; empty if there are none.
    words: list[str]


def parse(text: str) -> SearchTerms:
    """Return what a typed text may mean. Pure."""
    text = drop_other_series(text.strip())
    bare = _BARE_NUMBER.fullmatch(text)
    matches = [*_NUMBER.finditer(text), *([bare] if bare else [])]
    numbers = [_read_number(match) for match in matches]
    digits = "".join(text.split())
    order_id = int(digits) if digits.isascii() and digits.isdecimal() and int(digits) <= _MAX_ORDER_ID else None
    words = [digits] if _REGISTRATION.fullmatch(digits) else fold(text).split()
    return SearchTerms(numbers, parse_amount(text), order_id, words)


def find_numbers(text: str) -> list[tuple[int, int]]:
    """Return year and sequence of each invoice number in a text, in its order. Pure."""
    return [_read_number(match) for match in _NUMBER.finditer(drop_other_series(text))]


def drop_other_series(text: str) -> str:
    """Return the text without the invoice numbers of other cells, which end like our own."""
    marks = "|".join(cell.mark for cell in get_cells().others)
    return re.sub(rf"\b(?:{marks})[\s/._-]?P20\d\d[\s/._-]?\d[\d ]*", " ", text, flags=re.IGNORECASE) if marks else text


def _read_number(match: re.Match[str]) -> tuple[int, int]:
    return int(match[1]), int("".join(match[2].split()))


def parse_amount(text: str) -> Decimal | None:
    """Return the amount of a French text, in euros, without its sign; None if it is not one."""
    # Spaces of every kind: those of pages and of spreadsheets are not those of the keyboard.
    match = _AMOUNT.fullmatch(" ".join(text.split()))
    if match is None:
        return None
    euros = re.sub(r"[^0-9]", "", match[1])
    return Decimal(f"{euros}.{match[2] or '0'}")


def search_invoices(invoices: QuerySet[Invoice], text: str, *, by_client: bool = True) -> QuerySet[Invoice]:
    """Keep the invoices that a text may mean: by number, amount, order or client (`by_client`)."""
    terms = parse(text)
    meant = Q(pk__in=[])
    for year, sequence in terms.numbers:
        meant |= Q(year=year, sequence=sequence)
    if terms.amount is not None:
        meant |= Q(total_ttc=terms.amount)
    if terms.order_id is not None:
        meant |= Q(order_id=terms.order_id)
    if by_client and terms.words:
        named = Q()
        for word in terms.words:
            named &= Q(client_text__contains=f" {word}")
        meant |= named
    return invoices.alias(client_text=ClientText(F("snapshot"))).filter(meant)


def sum_received() -> Coalesce:
    """Return a subquery of the amount received for each order, less refunds, in euros."""
    sums = Order.objects.filter(pk=OuterRef("pk")).order_by().values("pk").annotate(received=Sum("payments__amount"))
    return Coalesce(Subquery(sums.values("received")), Value(ZERO), output_field=DecimalField())


def get_amount_received(order: Order) -> Decimal:
    """Return the amount received for an order, less refunds, in euros."""
    received: Decimal = Order.objects.filter(pk=order.pk).values_list(sum_received(), flat=True).get()
    return received


def get_balance(order: Order) -> Decimal:
    """Return the amount still due for an order, less its partial credit notes, in euros; negative if overpaid."""
    return order.owed - get_amount_received(order)


def sum_credited(invoice: Invoice) -> Amounts:
    """Return what the credit notes of an invoice take back of it so far."""
    totals = invoice.credit_notes.aggregate(ht=Sum("total_ht"), vat=Sum("total_vat"), ttc=Sum("total_ttc"))
    return Amounts(*(totals[name] or ZERO for name in ("ht", "vat", "ttc")))


def has_rejected_invoice() -> Exists:
    """Return a subquery: whether the order's invoice was rejected, and is to be reissued."""
    return Exists(Invoice.objects.rejected().filter(order=OuterRef("pk")))


def has_invoiced_orders(user: User) -> bool:
    """Return whether any of the user's shop orders was invoiced. One query."""
    return Invoice.objects.filter(order__placed_by=user, order__kind=OrderKind.SHOP).exists()
