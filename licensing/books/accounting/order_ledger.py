"""What each document and each payment of an order does to its client's accounts, and what settles what. Pure.

An order has few movements: they are replayed from the first on. An entry depends on nothing but those before it.
"""

import datetime
import enum
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import F
from django.db.models.fields.json import KT

from core.calendar import date_in_paris, end_of_day
from licensing.books.accounting.journals import ClientAccount, EntryLine
from licensing.books.billing.models import Invoice, InvoiceKind
from licensing.orders.models import Order
from licensing.payments.models import Payment

CUSTOMERS, OVERPAYMENTS = "customers", "overpayments"
_ZERO = Decimal(0)


class MovementKind(enum.IntEnum):
    """What a movement is; an invoice that a card has paid comes before the payment of the same moment."""

    DOCUMENT = 0
    PAYMENT = 1


class OrderMovement(NamedTuple):
    """A document or a payment of an order."""

    #: The day of its entry, then the moment at which it was made.
    on: datetime.date
    at: datetime.datetime
    kind: MovementKind
    pk: int
    #: In euros. Of a document, what the client owes by it: negative for a credit note. Of a payment, what came in.
    amount: Decimal
    #: Of a document: its number and its client. Of a payment: none.
    number: str = ""
    client: ClientAccount | None = None


class ClientPosting(NamedTuple):
    """The lines of a movement in its client's accounts."""

    lines: tuple[EntryLine, ...]
    client: ClientAccount
    #: The last invoice, and the last document, a credit note included; empty if there is none yet.
    invoice: str
    document: str


@dataclass(slots=True)
class _OpenLine:
    """A line that is lettered once others have settled it."""

    line: EntryLine


@dataclass(slots=True)
class _Ledger:
    """The accounts of one order's clients."""

    order_id: int
    balances: dict[tuple[str, str], Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    open: dict[tuple[str, str], list[_OpenLine]] = field(default_factory=lambda: defaultdict(list))
    #: How many groups of lines have settled each other.
    settled: int = 0

    def post(self, account: str, client: ClientAccount, amount: Decimal, on: datetime.date) -> list[_OpenLine]:
        """Write a line, if there is an amount; letter what it settles. Return the lines written: one at most."""
        if not amount:
            return []
        key = (account, client.number)
        posted = _OpenLine(EntryLine(account, amount, client))
        self.open[key].append(posted)
        self.balances[key] += amount
        if not self.balances[key]:
            self.settled += 1
            for one in self.open.pop(key):
                one.line = one.line._replace(letter=f"{self.order_id}-{self.settled}", letter_on=on)
        return [posted]

    def move(
        self, source: tuple[str, ClientAccount], target: tuple[str, ClientAccount], amount: Decimal, on: datetime.date
    ) -> list[_OpenLine]:
        """Move an amount that is in credit from one account to another."""
        return [*self.post(*source, amount, on), *self.post(*target, -amount, on)]

    def get_balance(self, account: str, client: ClientAccount) -> Decimal:
        return self.balances[account, client.number]


def replay_order(
    order_id: int, movements: Iterable[OrderMovement], *, buyer: ClientAccount
) -> dict[tuple[MovementKind, int], ClientPosting]:
    """Return the posting of each movement of an order, by its kind and primary key.

    What comes in pays what is owed, and the rest is an overpayment; what goes back is taken from the overpayment first.
    `buyer`: the client of a payment that no document precedes.
    """
    ledger, client, invoice, document = _Ledger(order_id), buyer, "", ""
    written: dict[tuple[MovementKind, int], tuple[list[_OpenLine], ClientPosting]] = {}
    for one in sorted(movements):
        lines: list[_OpenLine] = []
        if one.kind == MovementKind.PAYMENT:
            lines = _post_payment(ledger, client, one)
        else:
            former, client = client, one.client or client
            document, invoice = one.number, one.number if one.amount > 0 else invoice
            lines = ledger.post(CUSTOMERS, client, one.amount, one.on)
            lines += _follow_client(ledger, former, client, one.on)
            lines += _apply_overpayment(ledger, client, one.on)
        written[one.kind, one.pk] = lines, ClientPosting((), client, invoice, document)
    return {
        key: posting._replace(lines=tuple(posted.line for posted in lines)) for key, (lines, posting) in written.items()
    }


def _post_payment(ledger: _Ledger, client: ClientAccount, payment: OrderMovement) -> list[_OpenLine]:
    if payment.amount > 0:
        first, account, other = max(_ZERO, ledger.get_balance(CUSTOMERS, client)), CUSTOMERS, OVERPAYMENTS
    else:
        first, account, other = max(_ZERO, -ledger.get_balance(OVERPAYMENTS, client)), OVERPAYMENTS, CUSTOMERS
    part = min(first, abs(payment.amount))
    rest = abs(payment.amount) - part
    sign = -1 if payment.amount > 0 else 1
    return [
        *ledger.post(account, client, sign * part, payment.on),
        *ledger.post(other, client, sign * rest, payment.on),
    ]


def _follow_client(ledger: _Ledger, former: ClientAccount, client: ClientAccount, on: datetime.date) -> list[_OpenLine]:
    """Move to the client of a new document what the order's former client has paid."""
    if former.number == client.number:
        return []
    return [
        line
        for account in (CUSTOMERS, OVERPAYMENTS)
        for line in ledger.move((account, former), (account, client), -ledger.get_balance(account, former), on)
    ]


def _apply_overpayment(ledger: _Ledger, client: ClientAccount, on: datetime.date) -> list[_OpenLine]:
    """Pay with an overpayment what a new document asks for."""
    overpaid, owed = -ledger.get_balance(OVERPAYMENTS, client), ledger.get_balance(CUSTOMERS, client)
    part = min(overpaid, owed)
    return ledger.move((OVERPAYMENTS, client), (CUSTOMERS, client), part, on) if part > 0 else []


#: Names of the columns that `_build_client` reads → of an invoice, whose snapshot says it as issued.
_CLIENT_OF_INVOICE = {
    "siret": KT("snapshot__buyer__siret"),
    "siren": KT("snapshot__buyer__siren"),
    "vat_number": KT("snapshot__buyer__vat_number"),
    "name": KT("snapshot__buyer__name"),
    "office": F("order__collectivity_id"),
    "person": F("order__placed_by_id"),
}


def load_postings(
    order_ids: Collection[int], *, until: datetime.date
) -> dict[int, dict[tuple[MovementKind, int], ClientPosting]]:
    """Return the postings of each order's movements up to the last day of a period. Three queries."""
    movements: dict[int, list[OrderMovement]] = defaultdict(list)
    invoices = Invoice.objects.filter(order__in=order_ids, issued_on__lte=until)
    for row in invoices.values(
        "pk", "order_id", "kind", "number", "issued_on", "issued_at", "total_ttc", **_CLIENT_OF_INVOICE
    ):
        amount = row["total_ttc"] if row["kind"] == InvoiceKind.INVOICE else -row["total_ttc"]
        movements[row["order_id"]].append(
            OrderMovement(
                on=row["issued_on"],
                at=row["issued_at"],
                kind=MovementKind.DOCUMENT,
                pk=row["pk"],
                amount=amount,
                number=row["number"],
                client=_build_client(row),
            )
        )
    payments = Payment.objects.filter(order__in=order_ids, recorded_at__lt=end_of_day(until))
    for pk, order_id, amount, recorded_at in payments.values_list("pk", "order_id", "amount", "recorded_at"):
        movements[order_id].append(
            OrderMovement(date_in_paris(recorded_at), recorded_at, MovementKind.PAYMENT, pk, amount)
        )
    buyers = Order.objects.filter(pk__in=order_ids).values(
        "pk", "siret", "siren", "vat_number",
        name=F("bill_name"), office=F("collectivity_id"), person=F("placed_by_id"),
    )  # fmt: skip
    return {row["pk"]: replay_order(row["pk"], movements[row["pk"]], buyer=_build_client(row)) for row in buyers}


def _build_client(row: Any) -> ClientAccount:
    """Return the client of a document: the payer's registration number, else the office or the account that ordered."""
    registered = row["siret"] or row["siren"] or row["vat_number"]
    if registered:
        number = f"C{registered}"
    elif row["office"]:
        number = f"COLL{row['office']}"
    else:
        number = f"ACH{row['person']}"
    return ClientAccount(number, row["name"])
