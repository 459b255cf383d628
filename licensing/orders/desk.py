"""What waits for the operator's hand in the shop: the same questions for the first page of the admin and for its lists.

Queries alone; what is done about it is `operations`'.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.db.models import Exists, F, OuterRef, Q, Subquery, Sum, Value
from django.db.models.fields import DecimalField
from django.db.models.functions import Coalesce
from payments import PaymentStatus

from licensing.orders.models import (
    TURNED_DOWN,
    CardPayment,
    Invoice,
    InvoiceKind,
    Order,
    OrderState,
    Payment,
    PlatformStatus,
    PurchaseOrderScan,
    ScanState,
)
from licensing.orders.models.orders import ZERO

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable

    from django.db.models import QuerySet


class Waiting(NamedTuple):
    """A kind of order that waits. `label`: of the list's filter; `singular`, `plural`: of the first page's sentence."""

    label: str
    singular: str
    plural: str
    urgent: bool
    keep: Callable[[QuerySet[Order], datetime.date], QuerySet[Order]]


def _received() -> Coalesce:
    """Return what came in for each order, less what went back."""
    sums = Payment.objects.filter(order=OuterRef("pk")).order_by().values("order").annotate(sum=Sum("amount"))
    money = DecimalField(max_digits=12, decimal_places=2)
    return Coalesce(Subquery(sums.values("sum"), output_field=money), Value(ZERO))


def _with_a_scan() -> Exists:
    return Exists(PurchaseOrderScan.objects.filter(order=OuterRef("pk"), state=ScanState.WAITING))


def _scans(orders: QuerySet[Order], _day: datetime.date) -> QuerySet[Order]:
    return orders.filter(_with_a_scan())


def _overdue(orders: QuerySet[Order], day: datetime.date) -> QuerySet[Order]:
    """Keep those whose day has passed and whose rights still run: to suspend them was one of the two answers."""
    return orders.filter(
        state=OrderState.CONFIRMED, lines__source__unpaid_until__lt=day, lines__source__suspended_at__isnull=True
    )


def _to_give_back(orders: QuerySet[Order], _day: datetime.date) -> QuerySet[Order]:
    """Keep those that hold money that is not theirs: cancelled, or paid twice."""
    # Summed once for all: a sum an order takes a second where there are tens of thousands.
    owed = (
        Payment.objects.filter(order__state__in=(OrderState.CANCELLED, OrderState.PAID))
        .order_by()
        .values("order")
        .annotate(received=Sum("amount"))
        .filter(
            Q(order__state=OrderState.CANCELLED, received__gt=0)
            | Q(order__state=OrderState.PAID, received__gt=F("order__total_ttc"))
        )
    )
    return orders.filter(pk__in=owed.values("order"))


def _cards(orders: QuerySet[Order], _day: datetime.date) -> QuerySet[Order]:
    """Keep the orders whose card was charged and whose books do not say so, or whose provider reported a fault."""
    attempts = CardPayment.objects.filter(order=OuterRef("pk"))
    unsettled = attempts.filter(~Exists(Payment.objects.filter(card=OuterRef("pk"))), status=PaymentStatus.CONFIRMED)
    return orders.filter(Exists(unsettled) | Exists(attempts.exclude(message="")))


def _short(orders: QuerySet[Order], _day: datetime.date) -> QuerySet[Order]:
    return orders.alias(received=_received()).filter(state=OrderState.CONFIRMED, received__gt=0)


def _posted(orders: QuerySet[Order], _day: datetime.date) -> QuerySet[Order]:
    return orders.filter(~_with_a_scan(), state=OrderState.PLACED)


def _unpaid(orders: QuerySet[Order], _day: datetime.date) -> QuerySet[Order]:
    return orders.filter(state=OrderState.CONFIRMED)


def _lapsed(orders: QuerySet[Order], day: datetime.date) -> QuerySet[Order]:
    """Keep those whose year still runs: a purchase order may yet come in."""
    return orders.filter(state=OrderState.LAPSED, lines__source__last_day__gte=day)


#: In the order in which they are dealt with.
ORDERS: dict[str, Waiting] = {
    "verifier": Waiting(
        "bon de commande signé à vérifier",
        "bon de commande signé à vérifier",
        "bons de commande signés à vérifier",
        urgent=True,
        keep=_scans,
    ),
    "echues": Waiting(
        "règlement en retard",
        "commande facturée n'est pas réglée quarante-cinq jours après sa facture : suspendre, ou prolonger",
        "commandes facturées ne sont pas réglées quarante-cinq jours après leur facture : suspendre, ou prolonger",
        urgent=True,
        keep=_overdue,
    ),
    "cartes": Waiting(
        "paiement par carte à rapprocher",
        "commande dont le paiement par carte est à rapprocher",
        "commandes dont le paiement par carte est à rapprocher",
        urgent=True,
        keep=_cards,
    ),
    "rembourser": Waiting(
        "à rembourser",
        "commande annulée, ou réglée deux fois, à rembourser",
        "commandes annulées, ou réglées deux fois, à rembourser",
        urgent=True,
        keep=_to_give_back,
    ),
    "partielles": Waiting(
        "réglée en partie",
        "commande réglée en partie",
        "commandes réglées en partie",
        urgent=False,
        keep=_short,
    ),
    "courrier": Waiting(
        "bon de commande attendu par la poste",
        "commande passée, bon de commande attendu par la poste",
        "commandes passées, bons de commande attendus par la poste",
        urgent=False,
        keep=_posted,
    ),
    "regler": Waiting(
        "facturée, à régler",
        "commande facturée dont le règlement est attendu",
        "commandes facturées dont le règlement est attendu",
        urgent=False,
        keep=_unpaid,
    ),
    "caduques": Waiting(
        "droits suspendus sans bon de commande",
        "commande restée sans bon de commande : droits suspendus",
        "commandes restées sans bon de commande : droits suspendus",
        urgent=False,
        keep=_lapsed,
    ),
}


def waiting(name: str, day: datetime.date, *, among: QuerySet[Order] | None = None) -> QuerySet[Order]:
    """Return the orders that wait in the way called `name`."""
    orders = Order.objects.sales() if among is None else among
    return ORDERS[name].keep(orders, day)


def last_status() -> Subquery:
    """Return where each invoice is on its platform, as last recorded; None where nothing was."""
    return Subquery(PlatformStatus.objects.filter(invoice=OuterRef("pk")).order_by("-at", "-pk").values("state")[:1])


def turned_down(invoices: QuerySet[Invoice] | None = None) -> QuerySet[Invoice]:
    """Return the invoices that a platform or the buyer turned down and that no credit note cancels yet."""
    every = Invoice.objects.all() if invoices is None else invoices
    # Those that ever were: the last status of each of the others need not be looked for.
    once = PlatformStatus.objects.filter(state__in=TURNED_DOWN)
    return every.alias(turned=last_status()).filter(
        pk__in=once.values("invoice"), kind=InvoiceKind.INVOICE, credit__isnull=True, turned__in=TURNED_DOWN
    )


def with_invoice_turned_down() -> Exists:
    """Tell of each order whether its invoice is one of these."""
    return Exists(turned_down().filter(order=OuterRef("pk")))
