"""Progress of an order as shown to its buyer: state, dates, countdown, documents, next step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from licensing.catalogue.operations import day_in_france
from licensing.orders import desk, preflight
from licensing.orders.models import (
    TURNED_DOWN,
    InvoiceKind,
    Method,
    OrderLine,
    OrderState,
    PurchaseOrderScan,
    ScanState,
)
from licensing.orders.models.orders import ZERO
from licensing.orders.operations.paying import received
from licensing.subscriptions.wording import on_day, standing

if TYPE_CHECKING:
    import datetime
    from decimal import Decimal

    from django.db.models import QuerySet

    from licensing.orders.models import Invoice, Order, OrderEvent, PlatformStatus
    from licensing.orders.preflight import Missing
    from licensing.subscriptions.models import Source

#: Colour and label of each state, as shown to the buyer.
_BADGES = {
    OrderState.DRAFT: ("secondary", "En préparation"),
    OrderState.PLACED: ("yellow", "Bon de commande attendu"),
    OrderState.CONFIRMED: ("yellow", "À régler"),
    OrderState.PAID: ("green", "Réglée"),
    OrderState.LAPSED: ("red", "Droits suspendus"),
    OrderState.CANCELLED: ("secondary", "Annulée"),
}
_BEING_CHECKED = ("blue", "Bon de commande à l’étude")
_TO_REISSUE = ("red", "Facture à refaire")


@dataclass(frozen=True, kw_only=True)
class Followed:
    """An order with everything its page shows. Lists are chronological."""

    order: Order
    line: OrderLine
    day: datetime.date
    source: Source | None
    #: Amount received, less refunds, in euros.
    received: Decimal = ZERO
    scans: list[PurchaseOrderScan] = field(default_factory=list)
    invoices: list[Invoice] = field(default_factory=list)
    events: list[OrderEvent] = field(default_factory=list)
    #: Whether its invoice was rejected and is to be reissued.
    turned_down: bool = False

    @property
    def badge(self) -> tuple[str, str]:
        if self.turned_down and self.order.state == OrderState.CONFIRMED:
            return _TO_REISSUE
        return _BEING_CHECKED if self.waiting_scan else _BADGES[OrderState(self.order.state)]

    @property
    def awaits_purchase_order(self) -> bool:
        return self.order.state in (OrderState.PLACED, OrderState.LAPSED)

    @property
    def awaits_money(self) -> bool:
        return self.awaits_purchase_order or self.order.state == OrderState.CONFIRMED

    @property
    def by_mandate(self) -> bool:
        return self.order.method == Method.MANDATE

    @property
    def waiting_scan(self) -> PurchaseOrderScan | None:
        """The signed purchase order that waits to be checked."""
        last = self.scans[-1] if self.scans and self.awaits_purchase_order else None
        return last if last is not None and last.state == ScanState.WAITING else None

    @property
    def refused_scan(self) -> PurchaseOrderScan | None:
        """The last signed purchase order, if it was refused."""
        last = self.scans[-1] if self.scans and self.awaits_purchase_order else None
        return last if last is not None and last.state == ScanState.REFUSED else None

    @property
    def to_pay(self) -> Invoice | None:
        """The invoice not cancelled by a credit note."""
        cancelled = {one.corrects_id for one in self.invoices}
        live = (one for one in self.invoices if one.kind == InvoiceKind.INVOICE and one.pk not in cancelled)
        return next(live, None)

    @property
    def credit(self) -> Invoice | None:
        """The last credit note."""
        return next((one for one in reversed(self.invoices) if one.kind == InvoiceKind.CREDIT_NOTE), None)

    @property
    def rejected(self) -> PlatformStatus | None:
        """The latest status of the current invoice, if it is a rejection."""
        last = self.to_pay.statuses.order_by("pk").last() if self.to_pay is not None else None
        return last if last is not None and last.state in TURNED_DOWN else None

    @property
    def missing(self) -> list[Missing]:
        """Details that the invoice, or its replacement, still needs."""
        return preflight.of_order(self.order).missing if self.awaits_purchase_order or self.rejected else []

    @property
    def by_card(self) -> bool:
        """Whether the full price can be paid by card: nothing received, no rejection, licences not expired."""
        expired = self.source is not None and self.source.over_on(self.day)
        fully_due = self.awaits_money and not self.received
        return fully_due and self.rejected is None and not (self.awaits_purchase_order and expired)

    @property
    def left(self) -> Decimal:
        """Amount still due, in euros."""
        return self.order.total_ttc - self.received

    @property
    def temporary(self) -> datetime.date | None:
        """The last day of temporary rights; None if they are firm or suspended."""
        return self.source.temporary_until if self.source is not None and not self.stopped else None

    @property
    def stopped(self) -> bool:
        return self.source is not None and self.source.suspended_on(self.day)

    @property
    def rights(self) -> str:
        """A sentence on how long the licences are valid; empty if there are none."""
        if self.source is None or self.order.state == OrderState.CANCELLED:
            return ""
        if self.source.over_on(self.day):
            return f"Ces licences ont pris fin le {on_day(self.source.last_day)}."
        sentence = rights_in_words(self.source, self.day, checked=self.waiting_scan is not None)
        return sentence or f"Licences valables jusqu'au {on_day(self.source.last_day)} inclus."


def rights_in_words(source: Source, day: datetime.date, *, checked: bool) -> str:
    """Return a sentence on what an order's licences wait for; empty if they are firm.

    `checked`: the signed purchase order is being checked, and no countdown runs.
    """
    if checked and source.unpaid_until is not None and source.usable_on(day):
        return (
            f"Droits temporaires : le compte à rebours, qui allait jusqu'au {on_day(source.unpaid_until)}, est arrêté "
            f"le temps que nous vérifiions votre bon de commande. Puis jusqu'au {on_day(source.last_day)} inclus dès "
            "règlement."
        )
    return standing(source, day)


def follow(order: Order, *, at: datetime.datetime) -> Followed:
    """Return an order with everything its page shows."""
    line = order.lines.select_related("school_year", "source").get()
    return Followed(
        order=order,
        line=line,
        day=day_in_france(at),
        source=getattr(line, "source", None),
        received=received(order),
        scans=list(order.scans.defer("content").order_by("pk")),
        invoices=list(order.invoices.defer("xml", "facts").order_by("pk")),
        events=list(order.events.order_by("at", "pk")),
        turned_down=desk.turned_down(order.invoices.all()).exists(),
    )


def follow_all(orders: QuerySet[Order], *, at: datetime.datetime) -> list[Followed]:
    """Return the orders of a list, in a fixed number of queries."""
    annotated = list(orders.annotate(turned_down=desk.with_invoice_turned_down()))
    lines = {
        line.order_id: line
        for line in OrderLine.objects.filter(order__in=annotated).select_related("school_year", "source")
    }
    waiting = PurchaseOrderScan.objects.filter(order__in=annotated, state=ScanState.WAITING).defer("content")
    scans = {scan.order_id: [scan] for scan in waiting}
    return [
        Followed(
            order=order,
            line=lines[order.pk],
            day=day_in_france(at),
            source=getattr(lines[order.pk], "source", None),
            scans=scans.get(order.pk, []),
            turned_down=vars(order)["turned_down"],
        )
        for order in annotated
    ]
