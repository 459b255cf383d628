"""Work queue of the back office: orders that need the operator, for its home page and the filters of its lists.

Queries only; the changes are in `operations`.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import Exists, F, OuterRef, QuerySet, Sum
from django.db.models.expressions import CombinedExpression
from payments import PaymentStatus

from licensing.billing.queries import sum_received
from licensing.orders.models import ZERO, Order, OrderState, PurchaseOrderScan, ScanState
from licensing.payments.models import CardPayment, Payment


class OrderQueue(NamedTuple):
    """A queue of orders. `label` names the list filter; `singular` and `plural` are for the home page's sentence."""

    label: str
    singular: str
    plural: str
    urgent: bool
    select: Callable[[QuerySet[Order], datetime.date], QuerySet[Order]]


def _has_waiting_scan() -> Exists:
    return Exists(PurchaseOrderScan.objects.filter(order=OuterRef("pk"), state=ScanState.WAITING))


def _in_review(orders: QuerySet[Order], _day: datetime.date) -> QuerySet[Order]:
    return orders.filter(state=OrderState.IN_REVIEW)


def _with_scan_to_check(orders: QuerySet[Order], _day: datetime.date) -> QuerySet[Order]:
    return orders.filter(_has_waiting_scan())


def _overdue(orders: QuerySet[Order], day: datetime.date) -> QuerySet[Order]:
    """Keep unpaid orders past their date whose rights still run: the operator suspends or prolongs them."""
    return orders.filter(
        state=OrderState.CONFIRMED,
        lines__entitlement__unpaid_until__lt=day,
        lines__entitlement__suspended_at__isnull=True,
    )


def _to_refund(orders: QuerySet[Order], _day: datetime.date) -> QuerySet[Order]:
    """Keep cancelled orders with money to refund."""
    return orders.filter(pk__in=_with_received(OrderState.CANCELLED, ZERO))


def _overpaid(orders: QuerySet[Order], _day: datetime.date) -> QuerySet[Order]:
    """Keep paid orders that received more than they cost."""
    return orders.filter(pk__in=_with_received(OrderState.PAID, F("order__total_ttc") - F("order__credited")))


def _to_credit(orders: QuerySet[Order], _day: datetime.date) -> QuerySet[Order]:
    """Keep paid orders of which a part was refunded in the card provider's dashboard."""
    refunded = Payment.objects.exclude(provider_refund="").values("order")
    return (
        orders.filter(pk__in=refunded, state=OrderState.PAID)
        .alias(received=sum_received())
        .filter(received__lt=F("total_ttc") - F("credited"))
    )


def _with_received(state: OrderState, more_than: Decimal | CombinedExpression) -> QuerySet[Payment, Any]:
    """Return the ids of the orders in that state that received more than that, less what went back."""
    # One grouped sum: a subquery per order takes a second on tens of thousands of orders.
    received = Payment.objects.filter(order__state=state).order_by().values("order").annotate(received=Sum("amount"))
    return received.filter(received__gt=more_than).values("order")


def _with_card_to_reconcile(orders: QuerySet[Order], _day: datetime.date) -> QuerySet[Order]:
    """Keep orders with a card charge that is not recorded, or whose provider reported a problem."""
    attempts = CardPayment.objects.filter(order=OuterRef("pk"))
    unrecorded = attempts.filter(~Exists(Payment.objects.filter(card=OuterRef("pk"))), status=PaymentStatus.CONFIRMED)
    return orders.filter(Exists(unrecorded) | Exists(attempts.exclude(message="")))


def _partly_paid(orders: QuerySet[Order], _day: datetime.date) -> QuerySet[Order]:
    return orders.alias(received=sum_received()).filter(state=OrderState.CONFIRMED, received__gt=0)


def _awaiting_post(orders: QuerySet[Order], _day: datetime.date) -> QuerySet[Order]:
    return orders.filter(~_has_waiting_scan(), state=OrderState.PLACED)


def _unpaid(orders: QuerySet[Order], _day: datetime.date) -> QuerySet[Order]:
    return orders.filter(state=OrderState.CONFIRMED)


def _lapsed(orders: QuerySet[Order], day: datetime.date) -> QuerySet[Order]:
    """Keep lapsed orders of a current school year: a purchase order may still arrive."""
    return orders.filter(state=OrderState.LAPSED, lines__entitlement__last_day__gte=day)


#: By priority.
ORDER_QUEUES: dict[str, OrderQueue] = {
    "ouvrir": OrderQueue(
        "droits à ouvrir après vérification",
        "commande d'un établissement hors annuaire à vérifier : ouvrir ses droits, ou la refuser",
        "commandes d'établissements hors annuaire à vérifier : ouvrir leurs droits, ou les refuser",
        urgent=True,
        select=_in_review,
    ),
    "verifier": OrderQueue(
        "bon de commande signé à vérifier",
        "bon de commande signé à vérifier",
        "bons de commande signés à vérifier",
        urgent=True,
        select=_with_scan_to_check,
    ),
    "echues": OrderQueue(
        "règlement en retard",
        "commande facturée n'est pas réglée quarante-cinq jours après sa facture : suspendre, ou prolonger",
        "commandes facturées ne sont pas réglées quarante-cinq jours après leur facture : suspendre, ou prolonger",
        urgent=True,
        select=_overdue,
    ),
    "cartes": OrderQueue(
        "paiement par carte à rapprocher",
        "commande dont le paiement par carte est à rapprocher",
        "commandes dont le paiement par carte est à rapprocher",
        urgent=True,
        select=_with_card_to_reconcile,
    ),
    "avoirs": OrderQueue(
        "remboursée en partie : avoir à établir",
        "commande remboursée en partie chez le prestataire : établir l'avoir, ou dire que le reste est dû",
        "commandes remboursées en partie chez le prestataire : établir les avoirs, ou dire que le reste est dû",
        urgent=True,
        select=_to_credit,
    ),
    "rembourser": OrderQueue(
        "à rembourser",
        "commande annulée à rembourser",
        "commandes annulées à rembourser",
        urgent=True,
        select=_to_refund,
    ),
    "trop-percus": OrderQueue(
        "trop-perçu à rendre",
        "trop-perçu à rendre, ou à reporter sur une autre commande du même payeur",
        "trop-perçus à rendre, ou à reporter sur d'autres commandes des mêmes payeurs",
        urgent=True,
        select=_overpaid,
    ),
    "partielles": OrderQueue(
        "réglée en partie",
        "commande réglée en partie",
        "commandes réglées en partie",
        urgent=False,
        select=_partly_paid,
    ),
    "courrier": OrderQueue(
        "bon de commande signé attendu",
        "commande passée, bon de commande signé attendu",
        "commandes passées, bons de commande signés attendus",
        urgent=False,
        select=_awaiting_post,
    ),
    "regler": OrderQueue(
        "facturée, à régler",
        "commande facturée dont le règlement est attendu",
        "commandes facturées dont le règlement est attendu",
        urgent=False,
        select=_unpaid,
    ),
    "caduques": OrderQueue(
        "droits suspendus sans bon de commande",
        "commande restée sans bon de commande : droits suspendus",
        "commandes restées sans bon de commande : droits suspendus",
        urgent=False,
        select=_lapsed,
    ),
}


def list_waiting_orders(name: str, day: datetime.date, *, among: QuerySet[Order] | None = None) -> QuerySet[Order]:
    """Return the orders of the queue `name`."""
    orders = Order.objects.sales() if among is None else among
    return ORDER_QUEUES[name].select(orders, day)
