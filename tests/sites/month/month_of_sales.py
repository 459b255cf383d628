"""A month of sales: 90 mandats, 40 cheques and 60 cards, and what the test itself counts of each."""

import datetime
import os
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django_tenants.utils import tenant_context
from stdnum import luhn

from collectivities.capabilities import Role
from core.calendar import PARIS
from licensing.books.accounting.balance_sync import retrieve_balance_transactions
from licensing.books.billing import operations as billing_operations
from licensing.catalogue import terms
from licensing.orders import operations
from licensing.orders.models import Order, Payer
from licensing.orders.siret_numbers import get_head_office
from licensing.payments import card
from tests.factories.accounts import OperatorFactory, PrincipalFactory
from tests.factories.billing_details import PAYER_SIRET, BillingDetailsFactory
from tests.factories.collectivities import MemberFactory
from tests.factories.schools import AffiliationFactory
from tests.factories.shop import open_shop, sell_next_year
from tests.orders import actions
from tests.payments.card.actions import open_checkout

FIRST_DAY, LAST_DAY = datetime.date(2026, 11, 1), datetime.date(2026, 11, 30)
#: More mandats may be asked for: `MONTH_MANDATES=300`.
MANDATES, CHEQUES, CARDS = int(os.environ.get("MONTH_MANDATES", "90")), 40, 60
#: Of the cheques: recorded on arrival for the deposits of the 19th and of the 27th; the last one waits for the next.
RECORDED_EARLY, RECORDED_LATE, RECORDED_LATE_ON = 10, 6, 24
PAYOUT_DAYS = (13, 20, 27)
COLLECTIVITY_SIRETS = {"nimes": PAYER_SIRET, "gard": "22300001900008"}
#: Towns that pay, by their VAT: 20 %, 8.5 % and none.
_TOWNS = (
    ("Nîmes", "30000"), ("Alès", "30100"), ("Uzès", "30700"), ("Sommières", "30250"), ("Montpellier", "34000"),
    ("Béziers", "34500"), ("Arles", "13200"), ("Avignon", "84000"), ("Mende", "48000"), ("Ajaccio", "20000"),
    ("Saint-Denis", "97400"), ("Fort-de-France", "97200"), ("Pointe-à-Pitre", "97110"),
    ("Cayenne", "97300"), ("Mamoudzou", "97600"),
)  # fmt: skip


def moment(day: int, hour: int = 10) -> datetime.datetime:
    """Return a moment of the month, in Paris; days after the 30th are those of December."""
    return datetime.datetime(2026, 11, 1, hour, tzinfo=PARIS) + datetime.timedelta(days=day - 1)


def make_siret(number: int) -> str:
    """Return a valid SIRET of a body that is known by a number."""
    prefix = f"21{number:06d}"
    return get_head_office(prefix + luhn.calc_check_digit(prefix))


@dataclass
class MonthClock:
    """The site's clock: called, it returns the time that was set."""

    at: datetime.datetime

    def __call__(self) -> datetime.datetime:
        return self.at


@dataclass(eq=False)
class PlayedSale:
    """A sale, with what the test counts: what its documents ask for and what came in for it, in euros."""

    order: Order
    #: The auxiliary account of its client.
    client: str
    day: int
    owed: Decimal
    paid: Decimal = Decimal(0)
    is_consumer: bool = False

    @property
    def left(self) -> Decimal:
        return self.owed - self.paid

    @property
    def number(self) -> str:
        return str(self.order.invoices.current().values_list("number", flat=True).get())


class MonthOfSales:
    """Sells, day by day; the clock is that of the moment."""

    def __init__(self, clock: MonthClock, collectivities: list) -> None:
        self.clock, self.operator = clock, OperatorFactory()
        sell_next_year(open_shop(clock.at, ends_on=datetime.date(2027, 8, 31)), sold_from=FIRST_DAY)
        self.collectivities = []
        for collectivity in collectivities:
            with tenant_context(collectivity):
                self.collectivities.append((collectivity, MemberFactory(roles=[Role.BUYER]).user))
        self.buyers = [AffiliationFactory(user=PrincipalFactory()) for _ in _TOWNS]
        self.mandates: list[PlayedSale] = []
        self.cheques: list[PlayedSale] = []
        self.cards: list[PlayedSale] = []
        #: Payments of cheques that were recorded on arrival.
        self.recorded: list[Any] = []

    @property
    def sales(self) -> list[PlayedSale]:
        return [*self.mandates, *self.cheques, *self.cards]

    @property
    def public_sirets(self) -> set[str]:
        """What Chorus Pro knows."""
        return {*COLLECTIVITY_SIRETS.values(), *(make_siret(rank) for rank in range(len(_TOWNS)))}

    def by(self) -> dict[str, Any]:
        return {"by": self.operator, "at": self.clock.at}

    def sell(self, first: int, last: int, *, portal, stripe, tell) -> None:
        """Sell what is sold on these days, in their order: mandats and cheques until the 19th, cards until the 28th."""
        acts: list = [(2 + rank % 18, self._sell_by_mandate, (rank,)) for rank in range(MANDATES)]
        acts += [(2 + rank % 18, self._sell_by_cheque, (rank,)) for rank in range(CHEQUES)]
        acts += [(2 + rank % 27, self._sell_by_card, (rank, portal, stripe, tell)) for rank in range(CARDS)]
        acts += [(day, self._pay_out, (stripe,)) for day in PAYOUT_DAYS]
        acts += [(RECORDED_LATE_ON, self._record_late, ())]
        for day, act, arguments in sorted(acts, key=lambda one: one[0]):
            if first <= day <= last:
                self.clock.at = moment(day)
                act(day, *arguments)

    def _sell_by_mandate(self, day: int, rank: int) -> None:
        if rank % 5 == 0:
            collectivity, buyer = self.collectivities[rank // 5 % 2]
            with tenant_context(collectivity):
                draft = operations.create_collectivity_draft(
                    collectivity=collectivity, units=10 + rank % 7, by=buyer, at=self.clock.at, ends_in=2027
                )
                siret = COLLECTIVITY_SIRETS[collectivity.slug]
                billing = BillingDetailsFactory(collectivity=True, name=collectivity.name, siret=siret)
                self.mandates.append(self._place(draft, billing, day=day, client=f"C{siret}"))
            return
        town = rank % len(_TOWNS)
        siret = make_siret(town)
        # One is ordered for the next school year; the SIRET of another is not known to Chorus Pro.
        draft = self._draft(town, (1, 5, 10)[rank // 15 % 3], ends_in=2028 if rank == 1 else 2027)
        billing = self._bill_town(town, siret=make_siret(900_000) if rank == 2 else siret)
        self.mandates.append(self._place(draft, billing, day=day, client=f"C{siret}"))

    def _bill_town(self, town: int, *, siret: str) -> Any:
        city, postal_code = _TOWNS[town]
        return BillingDetailsFactory(name=f"Mairie de {city}", city=city, postal_code=postal_code, siret=siret)

    def _sell_by_cheque(self, day: int, rank: int) -> None:
        """Sell to cooperatives, which are consumers, and to companies; a number of cheques is recorded on arrival."""
        draft = self._draft(rank % 15, (1, 5, 10)[rank % 3])
        sale = self._place(draft, *self._find_private_payer(draft, rank), day=day)
        self.cheques.append(sale)
        if len(self.cheques) <= RECORDED_EARLY:
            self.record_cheque(sale)

    def _record_late(self, _day: int) -> None:
        for sale in self.cheques[-RECORDED_LATE - 1 : -1]:
            self.record_cheque(sale)

    def record_cheque(self, sale: PlayedSale) -> None:
        """Record a cheque on arrival."""
        reference = f"CHQ {len(self.recorded)}"
        self.recorded.append(
            actions.pay(
                sale.order, amount=sale.left, reference=reference, method="cheque", at=self.clock.at, by=self.operator
            )
        )
        sale.paid += sale.left

    def _sell_by_card(self, day: int, rank: int, portal, stripe, tell) -> None:
        draft = self._draft(rank % 15, (5, 1, 10)[rank % 3])
        billing, client = self._find_private_payer(draft, rank)
        payment = card.pay_draft(
            order_id=draft.pk, billing=billing, terms_version=terms.CURRENT, by=draft.placed_by, at=self.clock.at
        )
        assert tell(stripe.pay(open_checkout(payment, portal))).status_code == 200
        draft.refresh_from_db()
        sale = PlayedSale(draft, client, day, draft.total_ttc, draft.total_ttc, billing.payer == Payer.COOPERATIVE)
        self.cards.append(sale)

    def _find_private_payer(self, order: Order, rank: int) -> tuple[Any, str]:
        """Return who pays, one company in four, with the client's account."""
        city, postal_code = _TOWNS[rank % len(_TOWNS)]
        place = {"city": city, "postal_code": postal_code}
        if rank % 4:
            billing = BillingDetailsFactory(cooperative=True, **place | {"name": f"Coopérative de {city}"})
            return billing, f"ACH{order.placed_by_id}"
        siret = make_siret(500_000 + rank % 5)
        billing = BillingDetailsFactory(
            payer=Payer.COMPANY, name=f"Institut n° {rank % 5}", siret=siret, siren=siret[:9], **place
        )
        return billing, f"C{siret}"

    def _draft(self, town: int, classes: int, *, ends_in: int = 2027) -> Order:
        buyer = self.buyers[town]
        return operations.create_school_draft(
            classes=classes, affiliation=buyer, by=buyer.user, at=self.clock.at, ends_in=ends_in
        )

    def _place(self, draft: Order, billing: Any, client: str, day: int) -> PlayedSale:
        order = operations.place(
            order_id=draft.pk, billing=billing, terms_version=terms.CURRENT, by=draft.placed_by, at=self.clock.at
        )
        invoice = billing_operations.confirm(order_id=order.pk, **self.by())
        order.refresh_from_db()
        is_consumer = billing.payer == Payer.COOPERATIVE
        return PlayedSale(order, client, day, invoice.total_ttc, is_consumer=is_consumer)

    def _pay_out(self, _day: int, stripe) -> None:
        stripe.balance.pay_out()
        self.list_movements()

    def list_movements(self) -> None:
        """Have Stripe list what moved, as the periodic task does."""
        retrieve_balance_transactions(at=self.clock.at + datetime.timedelta(minutes=1))

    def credit(self, sale: PlayedSale, **part) -> Decimal:
        """Credit a sale in part; return how much."""
        note = actions.credit(sale.order, at=self.clock.at, **part)
        sale.owed -= note.total_ttc
        return note.total_ttc

    def correct_and_reissue(self, sale: PlayedSale) -> None:
        """Make an invoice anew under the right SIRET, that Chorus Pro rejected."""
        town = next(rank for rank in range(len(_TOWNS)) if f"C{make_siret(rank)}" == sale.client)
        billing = self._bill_town(town, siret=make_siret(town))
        billing_operations.correct_billing_details(order_id=sale.order.pk, billing=billing, **self.by())
        invoice = sale.order.invoices.current().get()
        billing_operations.reissue_invoice(invoice_id=invoice.pk, reason="SIRET inconnu", **self.by())
