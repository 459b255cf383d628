"""Orders placed by cheque or mandat administratif, which opens provisional rights; or on their way to a card."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from licensing.catalogue import terms
from licensing.catalogue.exceptions import NotOnSale
from licensing.catalogue.operations import day_in_france
from licensing.orders import preflight, rights
from licensing.orders.exceptions import BadBilling, LapsedBefore, NotADraft, NotInThisState, TermsNotAccepted
from licensing.orders.models import CardPayment, Method, Order, OrderKind, OrderState, Seller
from licensing.orders.operations import billing as bills
from licensing.orders.operations import journal, telling
from licensing.orders.operations.drafting import check_price
from licensing.orders.operations.locking import locked
from schools.models import Affiliation
from web import typography

if TYPE_CHECKING:
    from accounts.models import User
    from licensing.orders.operations.billing import Billing

#: Days of use, free, from the purchase order on: the guide's.
PROVISIONAL_DAYS = 45
#: Orders of one buyer of the shop that may await their purchase order at the same moment: nobody leads more schools.
MOST_AWAITED = 5


@transaction.atomic
def place(*, order_id: int, billing: Billing, terms_version: str, by: User, at: datetime.datetime) -> Order:
    """Place an order that will be paid by cheque or mandat administratif; return it. Rights run from now on.

    Placing twice is the same as once. Raises `NotADraft`, `PriceChanged`, `BadBilling`, `TermsNotAccepted` or
    `LapsedBefore`, nothing having been ordered.
    """
    order = locked(order_id)
    if order.state == OrderState.PLACED:
        return order
    _accept(order, Method.MANDATE, billing, terms_version, at=at)
    _refuse_after_a_lapse(order, day_in_france(at))
    _refuse_too_many(order)
    order.state, order.placed_at = OrderState.PLACED, at
    order.save()
    until = day_in_france(at) + datetime.timedelta(days=PROVISIONAL_DAYS)
    rights.open_(order, until=until, by=by, at=at)
    journal.record(
        order,
        "placed",
        "bon de commande établi, droits temporaires ouverts pour "
        f"{typography.plural(PROVISIONAL_DAYS, 'jour')} au plus.",
        by=by,
        at=at,
    )
    telling.tell_buyer(order, telling.PLACED, at=at)
    return order


@transaction.atomic
def choose_card(*, order_id: int, billing: Billing, terms_version: str, at: datetime.datetime) -> Order:
    """Make a draft ready to be paid by card; return it. Nothing opens before the money is there.

    Its invoice follows the payment at once: it cannot wait, as a purchase order's can, for what a public payer's names.
    Raises `NotADraft`, `PriceChanged`, `BadBilling` or `TermsNotAccepted`.
    """
    order = locked(order_id)
    if order.kind != OrderKind.SHOP:
        raise NotInThisState("Une collectivité règle par mandat administratif ou par virement.")
    _accept(order, Method.CARD, billing, terms_version, at=at)
    for lacking in preflight.of_order(order).missing:
        raise BadBilling(lacking.sentence, lacking.field)
    order.save()
    return order


def _accept(order: Order, method: Method, billing: Billing, terms_version: str, *, at: datetime.datetime) -> None:
    """Check what a draft needs before it goes further, and write it into the order, which the caller saves."""
    if order.state != OrderState.DRAFT:
        raise NotADraft("Cette commande est déjà passée : vous la retrouvez dans « Mes commandes ».")
    if method == Method.MANDATE and CardPayment.objects.filter(order=order, status="confirmed").exists():
        raise NotADraft("Cette commande vient d'être réglée par carte : elle n'est plus à passer.")
    if terms_version != terms.CURRENT:
        raise TermsNotAccepted(
            "Cochez la case des conditions générales de vente pour les accepter, puis recommencez."
            if not terms_version
            else "Les conditions générales de vente viennent de changer : lisez-les, acceptez-les, puis recommencez."
        )
    if not Seller.objects.exists():
        # A card would be charged, and no invoice could be made out: the money would open nothing.
        raise NotOnSale("La vente n'est pas encore ouverte : le vendeur n'est pas renseigné. Rien n'a été commandé.")
    check_price(order, at=at)
    bills.write(order, billing)
    order.method, order.terms_version, order.terms_accepted_at = method, terms_version, at


def _refuse_after_a_lapse(order: Order, day: datetime.date) -> None:
    """Refuse provisional rights to whoever had them for nothing in the same school year."""
    # Those that ran out at midnight have lapsed, whether or not the clock has come by since.
    ran_out = Q(state=OrderState.LAPSED) | Q(state=OrderState.PLACED, lines__source__provisional_until__lt=day)
    same = Q(collectivity=order.collectivity_id) if order.collectivity_id else Q(placed_by=order.placed_by_id)
    if order.school_id:
        same |= _of_the_school(order)
    earlier = (
        Order.objects.filter(
            same & ran_out,
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
            else f"{earlier} est restée sans bon de commande signé. Déposez-le d'abord : une nouvelle période de "
            "droits temporaires ne peut pas s'ouvrir avant."
        )


def _of_the_school(order: Order) -> Q:
    """Return which orders for the school count as the buyer's own.

    Anybody may say that he leads a school: a stranger's order must not keep its verified head from buying.
    """
    heads = Affiliation.objects.filter(school=order.school_id, verified_at__isnull=False)
    every = Q(school=order.school_id)
    if not heads.filter(user=order.placed_by_id).exists():
        return every
    return every & Q(Exists(heads.filter(user=OuterRef("placed_by"))))


def _refuse_too_many(order: Order) -> None:
    """Refuse ever more rights that nobody pays for."""
    if order.kind != OrderKind.SHOP:
        return
    mine = Order.objects.filter(kind=OrderKind.SHOP, placed_by=order.placed_by_id, state=OrderState.PLACED)
    if mine.count() >= MOST_AWAITED:
        raise LapsedBefore(
            f"{MOST_AWAITED} de vos commandes attendent déjà leur bon de commande signé. Envoyez-les-nous d'abord, ou "
            "réglez celle-ci par carte."
        )
