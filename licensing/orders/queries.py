"""Shop orders visible to a user: their own, and those of schools they are verified to lead.

And which orders are sales, and which are under review.
"""

import datetime
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import User
from core import money
from core.calendar import date_in_paris, extend_to_working_day
from core.money import Amounts, round_to_cents
from licensing.catalogue import pricing
from licensing.catalogue.models import SchoolTier, SchoolYear, Seller
from licensing.catalogue.pricing import PUPILS_PER_CLASS, Combination, NotOnSale, PricedLine, find_cheapest
from licensing.orders.models import ZERO, Order, OrderKind, OrderLine, OrderState, Payer, PurchaseOrderScan, ScanState

# A consumer's right to withdraw from the contract of an order: who has it, and until when (docs/decisions/0112).
#
# Code de la consommation, articles L. 221-18 to L. 221-21 and D. 221-5.

#: Days of the period, counted from the day after the order.
WITHDRAWAL_DAYS = 14
#: Days to refund, from the withdrawal on (article L. 221-24).
REFUND_DAYS = 14


def is_consumer(order: Order) -> bool:
    """Return whether a person pays the order for themselves: no school, no public body, no SIRET."""
    return order.kind == OrderKind.SHOP and order.payer == Payer.OTHER and not order.siret


def get_last_withdrawal_day(order: Order) -> datetime.date | None:
    """Return the last day, inclusive, on which the buyer may withdraw; None if they may not.

    The day of the order does not count; a Saturday, a Sunday or a public holiday carries over to the next working day.
    """
    if order.placed_at is None or order.state == OrderState.CANCELLED or not is_consumer(order):
        return None
    return extend_to_working_day(date_in_paris(order.placed_at) + datetime.timedelta(days=WITHDRAWAL_DAYS))


def can_withdraw(order: Order, *, at: datetime.datetime) -> bool:
    """Return whether the buyer may still withdraw at this moment."""
    last = get_last_withdrawal_day(order)
    return last is not None and date_in_paris(at) <= last


def get_refund_deadline(withdrawn_at: datetime.datetime) -> datetime.date:
    """Return the last day to refund what was received."""
    return date_in_paris(withdrawn_at) + datetime.timedelta(days=REFUND_DAYS)


@dataclass(frozen=True, slots=True)
class TierOffer:
    """A school tier with the prices that the shop shows."""

    tier: SchoolTier
    #: Price of its smallest number of classes.
    minimum_price: PricedLine
    #: Displayed price: the tier's flat price, or the price per class in the open tier.
    displayed_price: PricedLine

    @property
    def is_per_class(self) -> bool:
        """Whether the price is per class."""
        return self.tier.to_classes is None

    @property
    def price_per_licence(self) -> Decimal:
        """Price of each licence that a flat price credits, in euros, VAT included."""
        return round_to_cents(self.minimum_price.amounts.ttc / self.minimum_price.quantity)

    @property
    def pupils(self) -> int:
        return self.minimum_price.quantity * PUPILS_PER_CLASS

    def covers(self, classes: int) -> bool:
        """Return whether a number of classes falls in this tier."""
        return self.tier.from_classes <= classes <= (self.tier.to_classes or classes)


def list_years_to_order(day: datetime.date) -> list[SchoolYear]:
    """Return the school years on sale that day, the latest first; empty without a seller."""
    return pricing.list_years_on_sale(day) if Seller.objects.exists() else []


def choose_year(years: list[SchoolYear], chosen: str) -> SchoolYear | None:
    """Return the year that ends in the calendar year `chosen`, else the latest; None if there is none."""
    return next((year for year in years if str(year.ends_on.year) == chosen), years[0] if years else None)


def list_offers(year: SchoolYear | None) -> list[TierOffer]:
    """Return the tiers of a school year, the smallest first; empty without a year."""
    tiers = pricing.list_tiers(year)
    return [
        TierOffer(
            tier=tier,
            minimum_price=pricing.price_tier(tier, tier.from_classes),
            displayed_price=pricing.price_tier(tier, tier.to_classes or 1),
        )
        for tier in tiers
    ]


def find_price_of_one_class(day: datetime.date) -> Decimal | None:
    """Return the shop's price of one class that day, in euros, VAT included; None while none is on sale."""
    year = choose_year(list_years_to_order(day), "")
    if year is None:
        return None
    try:
        return find_offer(list_offers(year), 1)[1].amounts.ttc
    except NotOnSale:
        return None


def find_offer(on_offer: list[TierOffer], classes: int) -> tuple[TierOffer, PricedLine]:
    """Return the offer for a number of classes, and their price. Raises `Refusal` or `NotOnSale`."""
    tier = pricing.find_tier(classes, [offer.tier for offer in on_offer])
    return next(offer for offer in on_offer if offer.tier == tier), pricing.price_tier(tier, classes)


def find_cheapest_orders(on_offer: list[TierOffer], classes: int) -> Combination | None:
    """Return the cheapest orders that cover a number of classes; None without offers."""
    return find_cheapest(classes, [offer.tier for offer in on_offer])


#: An order counts as a sale while it may still be paid, or was.
SOLD_STATES = (OrderState.PLACED, OrderState.CONFIRMED, OrderState.PAID)
_NOTHING = money.Amounts(ZERO, ZERO, ZERO)


def list_visible_orders(user: User) -> QuerySet[Order]:
    """Return the shop orders visible to a user, the latest first, without drafts that were discarded.

    A verified principal sees every order placed for their school, including those of a predecessor.
    """
    led_schools = user.affiliations.filter(verified_at__isnull=False, school__isnull=False)
    own_orders = Order.objects.filter(placed_by=user)
    school_orders = Order.objects.filter(school__in=led_schools.values("school"), placed_at__isnull=False)
    discarded = Q(state=OrderState.CANCELLED, placed_at__isnull=True)
    return (
        # UNION, not OR: each part uses its own index, where OR scans the table.
        Order.objects.filter(pk__in=own_orders.values("pk").union(school_orders.values("pk")), kind=OrderKind.SHOP)
        .exclude(discarded)
        .select_related("school", "placed_by")
        .order_by("-created_at", "-pk")
    )


def is_under_review() -> Exists:
    """Return a condition on orders: the signed purchase order was uploaded, and waits to be checked."""
    return Exists(PurchaseOrderScan.objects.filter(order=OuterRef("pk"), state=ScanState.WAITING))


def find_orders_under_review(numbers: Collection[int]) -> set[int]:
    """Return those of the orders that are under review. One query."""
    return set(Order.objects.filter(is_under_review(), pk__in=numbers).values_list("pk", flat=True))


def compute_price(line: OrderLine) -> Amounts:
    """Return the price of the line of a collectivity's order, partial credit notes deducted.

    Such an order has one line: what was credited of the order is the line's.
    """
    price = money.Amounts(line.total_ht, line.total_vat, line.total_ttc)
    if not line.order.credited:
        return price
    return money.subtract(price, money.take_part(price, _NOTHING, line.order.credited))
