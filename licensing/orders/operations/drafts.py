"""Draft orders at today's price, and the quotes that hold that price for a limited time."""

from __future__ import annotations

import datetime

from django.db import transaction

from accounts.models import Profile, User
from core import formatting
from core.calendar import date_in_paris
from licensing.catalogue import pricing
from licensing.catalogue.pricing import PricedLine
from licensing.orders.exceptions import NotABuyer, NotADraft, PriceChanged
from licensing.orders.models import Order, OrderKind, OrderLine, OrderState
from licensing.orders.operations import billing_details as bills
from licensing.orders.operations import order_events
from licensing.orders.operations.billing_details import BillingDetails
from licensing.orders.operations.locks import lock_order
from licensing.orders.operations.order_vat import apply_treatment, apply_vat_of_payer, find_expected_treatment
from licensing.orders.vat import VatTreatment, get_vat
from schools.models import Affiliation
from tenants.models import Collectivity

#: Days for which a quote holds its price, the day of issue included.
QUOTE_DAYS = 30


@transaction.atomic
def create_school_draft(
    *, classes: int, affiliation: Affiliation | None, by: User, at: datetime.datetime, ends_in: int | None = None
) -> Order:
    """Create a shop draft for a number of classes, or replace the buyer's current draft; return it.

    `ends_in`: the school year, as `pricing.get_year_on_sale` takes it. A teacher buys one class, for themselves. A
    draft that is being paid by card is kept, and another created. Raises `NotABuyer`, `BadQuantity` or `NotOnSale`.
    """
    if by.profile == Profile.AGENT:
        raise NotABuyer(
            "Les agents d'une collectivité achètent depuis leur bureau. La boutique est celle des chefs "
            "d'établissement et des enseignants."
        )
    if by.profile == Profile.TEACHER and classes != 1:
        raise NotABuyer(
            "Un enseignant achète pour sa propre classe : une licence. Pour plusieurs classes, c'est le chef "
            "d'établissement qui commande."
        )
    priced = pricing.price_classes(classes, date_in_paris(at), ends_in)
    order = _current_draft(by) or Order(kind=OrderKind.SHOP, state=OrderState.DRAFT, placed_by=by, created_at=at)
    # A teacher's licence is their own: their school does not manage it.
    school = affiliation.school if affiliation is not None and by.profile == Profile.PRINCIPAL else None
    if order.school != school:
        # The payer of one school is not that of another.
        bills.clear_billing_details(order)
    order.school = school
    return _set_price(order, priced)


@transaction.atomic
def create_collectivity_draft(
    *, collectivity: Collectivity, units: int, by: User, at: datetime.datetime, ends_in: int | None = None
) -> Order:
    """Create a collectivity's draft for a number of licences; return it. Raises `BadQuantity` or `NotOnSale`.

    `ends_in`: the school year, as `pricing.get_year_on_sale` takes it.
    """
    priced = pricing.price_volume(units, date_in_paris(at), ends_in)
    order = Order(
        kind=OrderKind.PURCHASE, state=OrderState.DRAFT, collectivity=collectivity, placed_by=by, created_at=at
    )
    return _set_price(order, priced)


@transaction.atomic
def issue_quote(*, order_id: int, by: User, at: datetime.datetime, billing: BillingDetails | None = None) -> Order:
    """Issue a quote that holds the price of a draft for `QUOTE_DAYS`; return the order.

    `billing`: the addressee, if the buyer entered one. A valid quote is returned unchanged; with other billing details
    it gets a new number, at the same price until the same day, with the VAT of the new address; an expired quote is
    replaced at today's price. Raises `NotADraft`, `NotOnSale` or `BadBilling`.
    """
    order = lock_order(order_id)
    if order.state != OrderState.DRAFT:
        raise NotADraft("Cette commande est déjà passée : son devis ne change plus.")
    day = date_in_paris(at)
    valid = order.quote_until is not None and day <= order.quote_until
    readdressed = billing is not None and bills.update_billing_details(order, billing)
    if valid and not readdressed:
        return order
    previous_number = order.quote_number
    if not valid:
        _set_price(order, _current_price(order, order.lines.get(), day))
        # Never later than the end of the licences it prices.
        last_day = order.lines.select_related("school_year").get().school_year.ends_on
        order.quote_until = min(day + datetime.timedelta(days=QUOTE_DAYS - 1), last_day)
    elif readdressed:
        apply_vat_of_payer(order)
    order.quote_number = _next_quote_number(order, previous_number, day.year)
    order.quoted_at = at
    order.save()
    assert order.quote_until is not None  # noqa: S101 - set above, or valid
    order_events.record(
        order,
        "quoted",
        f"devis {order.quote_number} établi, valable jusqu'au {formatting.long_date(order.quote_until)} inclus.",
        by=by,
        at=at,
    )
    return order


@transaction.atomic
def discard_draft(*, order_id: int, by: User, at: datetime.datetime) -> None:
    """Cancel a draft, which has opened no rights. Idempotent. Raises `NotADraft`."""
    order = lock_order(order_id)
    if order.state == OrderState.CANCELLED and order.placed_at is None:
        return
    if order.state != OrderState.DRAFT:
        raise NotADraft("Cette commande est déjà passée : elle ne peut plus être abandonnée. Écrivez-nous.")
    order.state, order.cancelled_at, order.cancellation_reason = OrderState.CANCELLED, at, "Abandonnée par l'acheteur."
    order.save(update_fields=["state", "cancelled_at", "cancellation_reason"])
    order_events.record(order, "discarded", "commande abandonnée avant d'être passée.", by=by, at=at)


def check_price(order: Order, *, at: datetime.datetime) -> None:
    """Raise `PriceChanged` if the draft's price is outdated; a valid quote holds its price."""
    day = date_in_paris(at)
    if order.quote_until is not None:
        if day > order.quote_until:
            raise PriceChanged(
                f"Le devis {order.quote_number} n'était valable que jusqu'au {formatting.long_date(order.quote_until)} "
                "inclus. Établissez-en un nouveau : rien n'a été commandé."
            )
        return
    line = order.lines.get()
    current = _current_price(order, line, day)
    rate = get_vat(VatTreatment(order.vat_treatment), product_rate=current.product.vat_rate).rate
    current = current.at_rate(rate)
    # The VAT rate and the licences of a tier may change under the same price.
    draft_amounts = (line.total_ht, line.total_vat, line.total_ttc)
    if (current.amounts, current.quantity, current.school_year.pk) != (
        draft_amounts,
        line.quantity,
        line.school_year_id,
    ):
        raise PriceChanged(
            "Les tarifs ont changé depuis que vous avez préparé cette commande. Reprenez-la depuis le début : rien "
            "n'a été commandé."
        )


def _current_draft(by: User) -> Order | None:
    """Return the buyer's current shop draft, unless it is being paid by card."""
    drafts = Order.objects.filter(kind=OrderKind.SHOP, state=OrderState.DRAFT, placed_by=by, quote_number="")
    draft = drafts.exclude(card_payments__isnull=False).locked().last()
    # Checked again under the lock: starting a payment does not change the order's row.
    if draft is not None and draft.card_payments.exists():
        return None
    return draft


def _current_price(order: Order, line: OrderLine, day: datetime.date) -> PricedLine:
    """Return today's price of a draft, of the same school year while it is on sale, else of the latest."""
    price = pricing.price_classes if order.kind == OrderKind.SHOP else pricing.price_volume
    return price(line.quantity, day, line.school_year.ends_on.year)


def _set_price(order: Order, priced: PricedLine) -> Order:
    """Replace the order's lines by one with this price, taxed where its payer is likely to be; return the order."""
    order.total_ht, order.total_vat, order.total_ttc = priced.amounts
    order.save()
    order.lines.all().delete()
    OrderLine.objects.create(
        order=order,
        product=priced.product,
        school_year=priced.school_year,
        quantity=priced.quantity,
        description=priced.description,
        billed_quantity=priced.billed_quantity,
        unit_ht=priced.unit_ht,
        vat_rate=priced.vat_rate,
        total_ht=priced.amounts.ht,
        total_vat=priced.amounts.vat,
        total_ttc=priced.amounts.ttc,
    )
    apply_treatment(order, find_expected_treatment(order))
    order.save()
    return order


def _next_quote_number(order: Order, before: str, year: int) -> str:
    """Return the quote's number: the order's, with a rank from the second quote on."""
    if not before:
        return f"DV{year}-{order.pk}"
    stem, _, rank = before.partition("/")
    return f"{stem}/{int(rank or 1) + 1}"
