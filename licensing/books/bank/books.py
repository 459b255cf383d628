"""What lines are compared with: owed orders, those whose invoice a line names, and payments recorded by hand.

Invoice, SIRET and SIREN numbers are read in what banks write: glued to other words, or cut at the end of a line.
"""

import datetime
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import reduce
from operator import or_

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from core.calendar import date_in_paris
from licensing.books.bank.models import LinePayment, StatementLine
from licensing.books.billing.models import Invoice, InvoiceKind
from licensing.books.billing.queries import drop_other_series, find_numbers, parse, search_invoices
from licensing.orders.models import OWED_STATES, ZERO, Order, OrderState, Payer
from licensing.payments.models import Payment, PaymentKind
from schools.folding import split_words

#: Written in full, a number is told even where a word is glued to it: « FACTP2026000010 ».
_GLUED = re.compile(r"p(20[0-9]{2})[\s/._-]?(0[0-9]{5})(?![0-9])", re.IGNORECASE)
#: Cut in two by a line's end: « P2026-0000 10 ».
_CUT = re.compile(r"\bp(20[0-9]{2})[\s/._-]?(0[0-9]{0,4}) ([0-9]{1,5})(?![0-9])", re.IGNORECASE)
_FULL_LENGTH = 6
_SIREN = re.compile(r"(?<![0-9])[0-9]{3}[ .]?[0-9]{3}[ .]?[0-9]{3}(?![0-9])")
_SIRET = re.compile(r"(?<![0-9])[0-9]{3}[ .]?[0-9]{3}[ .]?[0-9]{3}[ .]?[0-9]{5}(?![0-9])")


def find_invoice_numbers(text: str) -> list[tuple[int, int]]:
    """Return year and sequence of each invoice number in a line's text, each once."""
    text = drop_other_series(text)
    cut = [
        (int(match[1]), int(match[2] + match[3]))
        for match in _CUT.finditer(text)
        if len(match[2] + match[3]) == _FULL_LENGTH
    ]
    rest = _CUT.sub(lambda match: " " if len(match[2] + match[3]) == _FULL_LENGTH else match[0], text)
    glued = [(int(match[1]), int(match[2])) for match in _GLUED.finditer(rest)]
    return list(dict.fromkeys(number for number in [*find_numbers(rest), *glued, *cut] if number[1]))


def find_registration_numbers(text: str) -> set[str]:
    """Return what may be a SIRET or a SIREN in a line's text: 14 or 9 digits, in groups or not."""
    return {re.sub(r"[ .]", "", match) for pattern in (_SIRET, _SIREN) for match in pattern.findall(text)}


# The books.
#
# Loaded for a page of lines at once: the number of queries is the same for one line and for 300.

#: A payment recorded by hand is looked for this many days around the line: a cheque is posted, then deposited.
RECORDED_DAYS = 45
#: A cheque or a transfer comes back within this many days.
RETURN_DAYS = 100
#: States of an order that money can be recorded for.
PAYABLE_STATES = (*OWED_STATES, OrderState.PAID, OrderState.CANCELLED)
#: Words of a payer's name that tell no payer from another.
_COMMON_WORDS = {"mairie", "commune", "ville", "de", "du", "des", "le", "la", "les", "et", "d", "l", "a", "sur", "en"}


@dataclass(slots=True)
class BookedOrder:
    """An order that a line may pay, with what is due for it. In euros."""

    pk: int
    number: str
    state: str
    payer: str
    bill_name: str
    siret: str
    siren: str
    placed_on: datetime.date | None
    due: Decimal
    #: What surer lines of the same page would pay of it.
    promised: Decimal = ZERO
    words: frozenset[str] = frozenset()

    @property
    def left(self) -> Decimal:
        """What is due once surer lines are booked."""
        return max(ZERO, self.due - self.promised)

    @property
    def is_owed(self) -> bool:
        return self.state in OWED_STATES and self.left > 0

    @property
    def awaits_purchase_order(self) -> bool:
        """Whether it has no invoice yet: the payment stands for the signed purchase order, and has it issued."""
        return self.state in (OrderState.PLACED, OrderState.LAPSED)

    @property
    def pays_by_cheque(self) -> bool:
        """Whether the payer most likely pays by cheque: public accountants transfer."""
        return self.payer not in (Payer.COLLECTIVITY, Payer.TOWN_HALL)


@dataclass(slots=True)
class RecordedPayment:
    """A payment recorded by hand that no line shows yet."""

    pk: int
    order_id: int
    amount: Decimal
    received_on: datetime.date
    method: str
    reference: str
    is_promised: bool = False


@dataclass(slots=True)
class OpenBooks:
    """The orders and payments that a page of lines is compared with."""

    orders: dict[int, BookedOrder] = field(default_factory=dict)
    #: By year and sequence of an invoice, whatever became of it.
    by_number: dict[tuple[int, int], int] = field(default_factory=dict)
    by_registration: dict[str, list[BookedOrder]] = field(default_factory=lambda: defaultdict(list))
    by_word: dict[str, list[BookedOrder]] = field(default_factory=lambda: defaultdict(list))
    by_due: dict[Decimal, list[BookedOrder]] = field(default_factory=lambda: defaultdict(list))
    recorded: list[RecordedPayment] = field(default_factory=list)
    #: Payments that a debit may take back.
    returnable: list[RecordedPayment] = field(default_factory=list)


def load_books(lines: Sequence[StatementLine]) -> OpenBooks:
    """Return what the lines are compared with. Five queries at most, however many lines."""
    books = OpenBooks()
    if not lines:
        return books
    numbers = {number for line in lines for number in find_invoice_numbers(line.text)}
    for year, sequence, order_id in _list_invoices(numbers):
        books.by_number[year, sequence] = order_id
    _load_orders(books, set(books.by_number.values()))
    _load_payments(books, lines)
    return books


def _list_invoices(numbers: Iterable[tuple[int, int]]) -> Iterable[tuple[int, int, int]]:
    named = [Q(year=year, sequence=sequence) for year, sequence in numbers]
    if not named:
        return []
    invoices = Invoice.objects.filter(reduce(or_, named), kind=InvoiceKind.INVOICE)
    return invoices.values_list("year", "sequence", "order_id")


def _load_orders(books: OpenBooks, named: set[int]) -> None:
    """Load the owed orders, and those that lines name, with what is due; index them."""
    payable = Q(state__in=OWED_STATES) | Q(pk__in=named, state__in=PAYABLE_STATES)
    for booked in build_booked_orders(Order.objects.sales().filter(payable)):
        books.orders[booked.pk] = booked
        if booked.state in OWED_STATES:
            for registration in filter(None, {booked.siret, booked.siren}):
                books.by_registration[registration].append(booked)
            # By its rarest word only: the others are compared afterwards.
            if booked.words:
                books.by_word[max(booked.words, key=lambda word: (len(word), word))].append(booked)
            books.by_due[booked.due].append(booked)


def build_booked_orders(orders: QuerySet[Order]) -> list[BookedOrder]:
    """Return the orders with what is due for each, in the order of their keys. Three queries."""
    fields = ("state", "payer", "bill_name", "siret", "siren", "placed_at", "total_ttc", "credited")
    found = list(orders.only(*fields).order_by("pk"))
    ids = [order.pk for order in found]
    # One grouped sum: a subquery for each order takes a second on tens of thousands.
    sums = Payment.objects.filter(order__in=ids).order_by().values_list("order").annotate(total=Sum("amount"))
    received: dict[int, Decimal] = dict(sums)
    numbers = dict(Invoice.objects.current().filter(order__in=ids).values_list("order", "number"))
    return [
        BookedOrder(
            pk=order.pk,
            number=numbers.get(order.pk, ""),
            state=order.state,
            payer=order.payer,
            bill_name=order.bill_name,
            siret=order.siret,
            siren=order.siren or order.siret[:9],
            placed_on=None if order.placed_at is None else date_in_paris(order.placed_at),
            due=ZERO if order.state == OrderState.CANCELLED else max(ZERO, order.owed - received.get(order.pk, ZERO)),
            words=frozenset(split_words(order.bill_name)) - _COMMON_WORDS,
        )
        for order in found
    ]


def _load_payments(books: OpenBooks, lines: Sequence[StatementLine]) -> None:
    """Load the cheques and transfers that no line shows, and those that a debit among the lines may take back."""
    first, last = min(line.booked_on for line in lines), max(line.booked_on for line in lines)
    has_return = any(line.amount < 0 for line in lines)
    since = first - datetime.timedelta(days=RETURN_DAYS if has_return else RECORDED_DAYS)
    shown = LinePayment.objects.filter(payment=OuterRef("pk"), released_at__isnull=True)
    payments = (
        Payment.objects.filter(
            kind=PaymentKind.RECEIVED,
            card__isnull=True,
            received_on__range=(since, last + datetime.timedelta(days=RECORDED_DAYS)),
        )
        .annotate(left=F("amount") + Coalesce(Sum("taken_back__amount"), ZERO), is_shown=Exists(shown))
        .filter(left__gt=0)
        .order_by("received_on", "pk")
    )
    for payment in payments:
        left: Decimal = vars(payment)["left"]
        recorded = RecordedPayment(
            payment.pk, payment.order_id, left, payment.received_on, payment.method, payment.reference
        )
        if not vars(payment)["is_shown"] and left == payment.amount:
            books.recorded.append(recorded)
        if has_return:
            books.returnable.append(recorded)


#: Orders that a search shows.
MAX_FOUND = 20
MAX_LENGTH = 2000
#: Numbers of orders, where nothing else is typed: « 12, 15 ».
_ORDER_NUMBERS = re.compile(r"[\s,;]*[0-9]{1,18}(?:[\s,;]+[0-9]{1,18})*[\s,;]*")


def search_orders(text: str) -> list[BookedOrder]:
    """Return the orders that a text means, owed ones first: by the numbers that it names, else by amount or payer."""
    text = text[:MAX_LENGTH]
    numbers = find_invoice_numbers(text)
    meant = Q(pk__in=[])
    for year, sequence in numbers:
        meant |= Q(year=year, sequence=sequence)
    invoices = Invoice.objects.filter(meant) if numbers else search_invoices(Invoice.objects.all(), text)
    found = Q(pk__in=invoices.values("order"))
    if not numbers and _ORDER_NUMBERS.fullmatch(text):
        found |= Q(pk__in=[int(number) for number in re.findall("[0-9]+", text)])
    if not numbers:
        found |= Q(pk__in=_find_uninvoiced(text))
    orders = Order.objects.sales().filter(found, state__in=PAYABLE_STATES, placed_at__isnull=False)
    owed = list(orders.filter(state__in=OWED_STATES).order_by("pk").values_list("pk", flat=True)[:MAX_FOUND])
    others = orders.exclude(state__in=OWED_STATES).order_by("-pk").values_list("pk", flat=True)
    ids = [*owed, *others[: MAX_FOUND - len(owed)]]
    rank = {pk: index for index, pk in enumerate(ids)}
    return sorted(load_orders(ids), key=lambda order: rank[order.pk])


def _find_uninvoiced(text: str) -> list[int]:
    """Return the orders that await their signed purchase order and that a text means: by amount, name or SIRET."""
    terms = parse(text)
    words = set(terms.words)
    uninvoiced = Order.objects.sales().filter(state__in=(OrderState.PLACED, OrderState.LAPSED))
    return [
        order.pk
        for order in uninvoiced.only("total_ttc", "bill_name", "siret", "siren")
        if order.total_ttc == terms.amount
        or (words and words <= {*split_words(order.bill_name), order.siret, order.siret[:9], order.siren})
    ]


def load_orders(ids: Iterable[int]) -> list[BookedOrder]:
    """Return the orders of these ids that money can be recorded for, with what is due for each."""
    orders = Order.objects.sales().filter(pk__in=list(ids), state__in=PAYABLE_STATES, placed_at__isnull=False)
    return build_booked_orders(orders)
