"""Placing orders: by cheque or mandat administratif, which opens provisional rights, or for payment by card."""

from __future__ import annotations

import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from accounts.models import User, lock_account
from core import formatting
from core.calendar import date_in_paris
from licensing.catalogue import terms
from licensing.catalogue.exceptions import NotOnSale
from licensing.catalogue.models import Seller
from licensing.orders import preflight, rights
from licensing.orders.exceptions import (
    BadBilling,
    LapsedBefore,
    NotADraft,
    NotInThisState,
    PriceChanged,
    TermsNotAccepted,
)
from licensing.orders.models import Order, OrderKind, OrderLine, OrderState, SettlementMethod
from licensing.orders.operations import billing_details as bills
from licensing.orders.operations import notifications, order_events
from licensing.orders.operations.billing_details import BillingDetails
from licensing.orders.operations.drafts import check_price
from licensing.orders.operations.locks import lock_order
from licensing.orders.operations.order_vat import apply_vat_of_payer
from licensing.orders.operations.review import needs_review
from schools.models import Affiliation

#: Maximum number of a shop buyer's orders that await a purchase order: nobody leads more schools.
MAX_UNSIGNED_ORDERS = 5
#: Before the part of a fingerprint that depends on the payer's address.
_VAT_SEPARATOR = " | "
_AWAITED = (OrderState.IN_REVIEW, OrderState.PLACED)


@transaction.atomic
def place(
    *,
    order_id: int,
    billing: BillingDetails,
    terms_version: str,
    basket: str | None = None,
    by: User,
    at: datetime.datetime,
) -> Order:
    """Place an order to be paid by cheque or mandat administratif, and open its provisional rights; return it.

    What an unknown buyer orders in number opens none until the operator has looked (docs/decisions/0089). `basket`: the
    fingerprint of what the page showed. Idempotent. Raises `NotADraft`, `PriceChanged`, `BadBilling`,
    `TermsNotAccepted` or `LapsedBefore`.
    """
    _lock_buyer(order_id)
    order = lock_order(order_id)
    _check_basket(order, basket)
    if order.state in (OrderState.PLACED, OrderState.IN_REVIEW):
        return order
    _accept_draft(order, SettlementMethod.MANDATE, billing, terms_version, at=at)
    _check_vat(order, basket)
    _check_no_lapsed_order(order, date_in_paris(at))
    _check_open_orders(order)
    if needs_review(order):
        return _place_for_review(order, by=by, at=at)
    order.state, order.placed_at = OrderState.PLACED, at
    order.save()
    rights.open_provisional_rights(order, by=by, at=at)
    summary = f"bon de commande établi, {rights.describe_provisional_rights(order, date_in_paris(at))}"
    order_events.record(order, "placed", summary, by=by, at=at)
    notifications.notify_buyer(order, notifications.PLACED, at=at)
    return order


def _place_for_review(order: Order, *, by: User, at: datetime.datetime) -> Order:
    """Place an order whose rights the operator opens; return it."""
    order.state, order.placed_at = OrderState.IN_REVIEW, at
    order.save()
    order_events.record(
        order, "placed", "bon de commande établi ; les droits s'ouvrent une fois la commande vérifiée.", by=by, at=at
    )
    notifications.notify_buyer(order, notifications.IN_REVIEW, at=at)
    return order


@transaction.atomic
def prepare_card_payment(
    *, order_id: int, billing: BillingDetails, terms_version: str, basket: str | None = None, at: datetime.datetime
) -> Order:
    """Prepare a draft for payment by card; return it. No rights open before the payment.

    Its invoice is issued with the payment, so the references of a public payer must already be complete.
    Raises `NotADraft`, `PriceChanged`, `BadBilling` or `TermsNotAccepted`.
    """
    order = lock_order(order_id)
    _check_basket(order, basket)
    if order.kind != OrderKind.SHOP:
        raise NotInThisState("Une collectivité règle par mandat administratif ou par virement.")
    _accept_draft(order, SettlementMethod.CARD, billing, terms_version, at=at)
    _check_vat(order, basket)
    for detail in preflight.check_order(order).missing:
        raise BadBilling(detail.sentence, detail.field)
    order.save()
    return order


def compute_basket_fingerprint(order: Order, line: OrderLine | None = None) -> str:
    """Return a fingerprint of what the page shows: school, school year, quantity, price; then VAT and total."""
    line = line or order.lines.get()
    price = line.total_ttc if order.kind == OrderKind.SHOP else line.total_ht
    return (
        f"{order.school_id or ''} {line.school_year_id} {line.quantity} {price}"
        f"{_VAT_SEPARATOR}{line.vat_rate} {line.vat_category} {line.total_ttc}"
    )


def _check_basket(order: Order, basket: str | None) -> None:
    """Raise `PriceChanged` if the basket differs, VAT apart, from the one that the page showed."""
    if basket is not None and _without_vat(compute_basket_fingerprint(order)) != _without_vat(basket):
        raise PriceChanged(
            "Votre panier a changé depuis que cette page est affichée, sans doute dans un autre onglet. Le voici tel "
            "qu'il est : relisez-le, puis recommencez. Rien n'a été commandé."
        )


def _without_vat(fingerprint: str) -> str:
    return fingerprint.partition(_VAT_SEPARATOR)[0]


def _check_vat(order: Order, basket: str | None) -> None:
    """Raise `PriceChanged` if the payer's address gives another VAT than the page showed."""
    if basket is None or compute_basket_fingerprint(order) == basket:
        return
    line = order.lines.get()
    vat = line.vat_reason or f"Elle y est de {formatting.percent(line.vat_rate)}."
    raise PriceChanged(
        f"La TVA dépend de l'adresse de facturation. {vat} Le prix est affiché ici avec elle : {_describe_sum(order)}. "
        "Relisez-le, puis recommencez. Rien n'a été commandé."
    )


def _describe_sum(order: Order) -> str:
    return f"{formatting.euros(order.total_ht)} HT, {formatting.euros(order.total_ttc)} TTC"


def _accept_draft(
    order: Order, method: SettlementMethod, billing: BillingDetails, terms_version: str, *, at: datetime.datetime
) -> None:
    """Validate billing details, terms and price of a draft, and set them on the order; the caller saves it."""
    if order.state != OrderState.DRAFT:
        raise NotADraft("Cette commande est déjà passée : vous la retrouvez dans « Mes commandes ».")
    if method == SettlementMethod.MANDATE and order.card_payments.filter(status="confirmed").exists():
        raise NotADraft("Cette commande vient d'être réglée par carte : elle n'est plus à passer.")
    if terms_version != terms.CURRENT:
        raise TermsNotAccepted(
            "Cochez la case des conditions générales de vente pour les accepter, puis recommencez."
            if not terms_version
            else "Les conditions générales de vente viennent de changer : lisez-les, acceptez-les, puis recommencez."
        )
    if not Seller.objects.exists():
        # Without a seller no invoice can be issued, and a card payment could not be settled.
        raise NotOnSale("La vente n'est pas encore ouverte : le vendeur n'est pas renseigné. Rien n'a été commandé.")
    check_price(order, at=at)
    bills.set_billing_details(order, billing)
    apply_vat_of_payer(order)
    order.method, order.terms_version, order.terms_accepted_at = method, terms_version, at


def _lock_buyer(order_id: int) -> None:
    """Lock the buyer of a shop order: what they may still order is counted over all their orders."""
    buyer = Order.objects.filter(pk=order_id, kind=OrderKind.SHOP).values_list("placed_by", flat=True).first()
    if buyer is not None:
        lock_account(buyer)


def _check_no_lapsed_order(order: Order, day: datetime.date) -> None:
    """Raise `LapsedBefore` if an earlier order of the same school year lapsed."""
    # Rights that expired at midnight count as lapsed, whether or not the periodic task has run since.
    has_lapsed = Q(state=OrderState.LAPSED) | Q(state=OrderState.PLACED, lines__entitlement__provisional_until__lt=day)
    same = Q(collectivity=order.collectivity_id) if order.collectivity_id else Q(placed_by=order.placed_by_id)
    if order.school_id:
        same |= _same_school(order)
    earlier = (
        Order.objects.filter(
            same & has_lapsed,
            kind=order.kind,
            lines__school_year__in=order.lines.values("school_year"),
        )
        .order_by("pk")
        .first()
    )
    if earlier is not None:
        raise LapsedBefore(
            f"{earlier} est restée sans bon de commande signé. Envoyez-le-nous, ou réglez par carte : une nouvelle "
            "période de droits temporaires ne peut pas s'ouvrir avant."
            if order.kind == OrderKind.SHOP
            else (
                f"{earlier} est restée sans bon de commande signé. Déposez-le d'abord : une nouvelle période de "
                "droits temporaires ne peut pas s'ouvrir avant."
            )
        )


def _same_school(order: Order) -> Q:
    """Return which orders for the school count against this buyer.

    Anyone may claim to lead a school: an unverified user's order must not keep its verified principal from buying.
    """
    principals = Affiliation.objects.filter(school=order.school_id, verified_at__isnull=False)
    all_orders = Q(school=order.school_id)
    if not principals.filter(user=order.placed_by_id).exists():
        return all_orders
    return all_orders & Q(Exists(principals.filter(user=OuterRef("placed_by"))))


def _check_open_orders(order: Order) -> None:
    """Raise `LapsedBefore` if too many of the buyer's orders await their purchase order."""
    if order.kind != OrderKind.SHOP:
        return
    mine = Order.objects.filter(kind=OrderKind.SHOP, placed_by=order.placed_by_id, state__in=_AWAITED)
    if mine.count() >= MAX_UNSIGNED_ORDERS:
        raise LapsedBefore(
            f"{MAX_UNSIGNED_ORDERS} de vos commandes attendent déjà leur bon de commande signé. Envoyez-les-nous"
            " d'abord, ou réglez celle-ci par carte."
        )
