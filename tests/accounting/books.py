"""The books of tests: a random year, and the export of a period as bytes."""

import datetime
import io
import random
from collections import Counter
from decimal import Decimal
from typing import Any

from django.utils import timezone

from core.calendar import PARIS, date_in_paris
from core.exceptions import DomainError
from core.money import CENT
from licensing.books.accounting.exports import export_period
from licensing.books.accounting.journals import Period
from licensing.books.billing import operations as billing
from licensing.books.billing.queries import get_balance
from licensing.orders.models import Order, OrderKind
from licensing.payments import operations as payments
from licensing.payments.models import Payment
from licensing.payments.queries import get_surplus, list_owed_orders
from tests.accounting.fec_checker import read_fec
from tests.factories.accounts import OperatorFactory, PrincipalFactory
from tests.factories.billing_details import BillingDetailsFactory
from tests.factories.orders import OrderFactory, PurchaseFactory
from tests.factories.schools import AffiliationFactory
from tests.orders import actions

#: Long after every sale of the tests: periods are over.
LATER = datetime.timedelta(days=800)


def export(start, end, *, by=None, at=None):
    """Return the bytes of a period's file, downloaded long afterwards."""
    file = io.BytesIO()
    export_period(file, Period(start, end), by=by or OperatorFactory(), at=at or timezone.now() + LATER)
    return file.getvalue()


def export_lines(start, end):
    """Return the lines of a period's file, by name."""
    return read_fec(export(start, end))


#: Who pays: by their place and their numbers, each is taxed and named in another way.
PAYERS = (
    {},
    {"cooperative": True},
    {"postal_code": "97400", "city": "Saint-Denis"},
    {"postal_code": "97600", "city": "Mamoudzou"},
    {"payer": "other", "name": "Camille Durand", "siret": ""},
    {"payer": "other", "name": "Luc Peeters", "siret": "", "country": "Belgique", "postal_code": "1000"},
    {
        "payer": "company", "name": "Écoles SA", "siret": "", "country": "Belgique", "postal_code": "1000",
        "vat_number": "BE0403053608",
    },
)  # fmt: skip


class MoneyYear:
    """A year of money, drawn from a seed: mostly of orders that are invoiced."""

    def __init__(self, seed, collectivity):
        self.draw = random.Random(seed)  # noqa: S311 - to be drawn again, not guessed
        self.collectivity = collectivity
        # A closing date and the change of the school year are in it.
        self.at = datetime.datetime(2026, 5, 4, 9, tzinfo=PARIS)
        self.start = self.at.date()
        self.operator = OperatorFactory()
        self.buyer = AffiliationFactory(user=PrincipalFactory())
        self.done = Counter()

    def run(self, steps):
        """Take some steps; what a rule refuses is left out."""
        for _ in range(steps):
            self.at += datetime.timedelta(hours=self.draw.randrange(140))
            act: Any = self.draw.choice((*[MoneyYear.sell] * 4, *self.ACTS))
            orders = list(Order.objects.filter(placed_at__isnull=False).order_by("-pk")[:12])
            try:
                if act is MoneyYear.sell or not orders:
                    self.sell()
                else:
                    act(self, self.draw.choice(orders))
            except DomainError:
                continue
            self.done[act.__name__] += 1

    def by(self):
        return {"by": self.operator, "at": self.at}

    def sell(self):
        if self.draw.random() < 0.3:
            PurchaseFactory(current=True, confirmed=True, collectivity=self.collectivity, units=200, at=self.at)
            return
        who = {f"billing__{name}": value for name, value in self.draw.choice(PAYERS).items()}
        settled = self.draw.choice(["confirmed", "confirmed", "confirmed", "paid_by_card"])
        OrderFactory(current=True, at=self.at, affiliation=self.buyer, **{settled: True}, **who)

    def pay(self, order):
        due = get_balance(order)
        payments.record_payment(
            order_id=order.pk,
            method=self.draw.choice(["transfer", "transfer", "cheque"]),
            amount=self.draw.choice([due, due, due / 2, due + 7]).quantize(CENT),
            received_on=max(date_in_paris(order.placed_at), date_in_paris(self.at) - datetime.timedelta(days=2)),
            reference=f"REF {self.draw.randrange(10**9)}",
            **self.by(),
        )

    def pay_by_card(self, order):
        if order.kind != OrderKind.SHOP:
            raise DomainError("Seulement à la boutique.")
        actions.settle_by_card(order, at=self.at)

    def refund_card(self, _order):
        """Refund a card payment of an order that was cancelled."""
        paid = Payment.objects.filter(card__isnull=False, kind="received", taken_back__isnull=True)
        for payment in paid.filter(order__state="cancelled").order_by("pk")[:1]:
            payments.refund(payment_id=payment.pk, **self.by())

    def reverse(self, order):
        received = list(order.payments.filter(amount__gt=0).order_by("pk"))
        if not received:
            raise DomainError("Rien à annuler.")
        payment = self.draw.choice(received)
        part = self.draw.choice([payment.amount, payment.amount, payment.amount / 3]).quantize(CENT)
        payments.reverse_payment(payment_id=payment.pk, amount=part, reason="unpaid", text="", **self.by())

    def give_back(self, order):
        surplus = get_surplus(order)
        part = self.draw.choice([surplus, surplus / 2]).quantize(CENT)
        actions.give_back(order, amount=part, method=self.draw.choice(["transfer", "cheque"]), at=self.at)

    def move(self, _order):
        """Move the first surplus that another order of its payer can take."""
        for order in Order.objects.filter(state__in=["paid", "cancelled"]).order_by("pk"):
            surplus, owed = get_surplus(order), list_owed_orders(order).first()
            if surplus and owed is not None:
                actions.move(order, owed, amount=min(surplus, get_balance(owed)), at=self.at)
                self.done["moved"] += 1
                return

    def cancel(self, order):
        billing.cancel(order_id=order.pk, reason="Double.", **self.by())

    def credit(self, order):
        """Take a part back: classes, money, or both; a card is refunded for it."""
        licences, amount = self.draw.choice([(1, None), (1, 30), (0, order.total_ttc / 3)])
        amount = None if amount is None else Decimal(amount).quantize(CENT)
        actions.credit(order, licences=licences, amount=amount, at=self.at)

    def correct_and_reinvoice(self, _order):
        """Make an invoice anew, that its addressee rejected, mostly for another payer: paid or not."""
        orders = list(Order.objects.filter(state=self.draw.choice(["confirmed", "paid"])).order_by("-pk")[:5])
        if not orders:
            raise DomainError("Rien à refaire.")
        order = self.draw.choice(orders)
        invoice = order.invoices.current().get()
        if order.payer == "town_hall":
            billing.record_platform_status(invoice_id=invoice.pk, state="rejected", reason="SIRET", **self.by())
            payer = BillingDetailsFactory(
                collectivity=order.collectivity_id is not None, siret="22300001900008", name="Département du Gard"
            )
            billing.correct_billing_details(order_id=order.pk, billing=payer, **self.by())
        billing.reissue_invoice(invoice_id=invoice.pk, reason="Rejet.", **self.by())

    ACTS = (pay, pay, pay, pay, pay_by_card, refund_card, reverse, give_back, give_back, move, move, cancel,
            credit, correct_and_reinvoice)  # fmt: skip
