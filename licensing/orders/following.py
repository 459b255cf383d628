"""How far an order has come, as its buyer reads it: state, both dates, countdown, documents, what is to be done."""

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

#: Colour and words of each state, as the buyer reads them.
_BADGES = {
    OrderState.DRAFT: ("secondary", "En préparation"),
    OrderState.PLACED: ("yellow", "Bon de commande attendu"),
    OrderState.CONFIRMED: ("yellow", "À régler"),
    OrderState.PAID: ("green", "Réglée"),
    OrderState.LAPSED: ("red", "Droits suspendus"),
    OrderState.CANCELLED: ("secondary", "Annulée"),
}
_CHECKED = ("blue", "Bon de commande à l’étude")
_TO_REDO = ("red", "Facture à refaire")


@dataclass(frozen=True, kw_only=True)
class Followed:
    """One order and what its page says of it. Lists are in the order that things happened."""

    order: Order
    line: OrderLine
    day: datetime.date
    source: Source | None
    #: What came in for it, less what went back, in euros.
    received: Decimal = ZERO
    scans: list[PurchaseOrderScan] = field(default_factory=list)
    invoices: list[Invoice] = field(default_factory=list)
    events: list[OrderEvent] = field(default_factory=list)
    #: Whether its invoice was turned down, and is to be made out anew.
    turned_down: bool = False

    @property
    def badge(self) -> tuple[str, str]:
        if self.turned_down and self.order.state == OrderState.CONFIRMED:
            return _TO_REDO
        return _CHECKED if self.waiting_scan else _BADGES[OrderState(self.order.state)]

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
        """The signed purchase order that is being looked at."""
        last = self.scans[-1] if self.scans and self.awaits_purchase_order else None
        return last if last is not None and last.state == ScanState.WAITING else None

    @property
    def refused_scan(self) -> PurchaseOrderScan | None:
        """The signed purchase order that would not do, while no other came."""
        last = self.scans[-1] if self.scans and self.awaits_purchase_order else None
        return last if last is not None and last.state == ScanState.REFUSED else None

    @property
    def to_pay(self) -> Invoice | None:
        """The invoice that stands: no credit note cancels it."""
        cancelled = {one.corrects_id for one in self.invoices}
        live = (one for one in self.invoices if one.kind == InvoiceKind.INVOICE and one.pk not in cancelled)
        return next(live, None)

    @property
    def credit(self) -> Invoice | None:
        """The last credit note."""
        return next((one for one in reversed(self.invoices) if one.kind == InvoiceKind.CREDIT_NOTE), None)

    @property
    def rejected(self) -> PlatformStatus | None:
        """Why the invoice that stands was sent back, where that is the last that was heard of it."""
        last = self.to_pay.statuses.order_by("pk").last() if self.to_pay is not None else None
        return last if last is not None and last.state in TURNED_DOWN else None

    @property
    def missing(self) -> list[Missing]:
        """What the invoice, or the one in its place, lacks."""
        return preflight.of_order(self.order).missing if self.awaits_purchase_order or self.rejected else []

    @property
    def by_card(self) -> bool:
        """Whether a card may settle it, all of it: its invoice stands, and the licences would still open."""
        over = self.source is not None and self.source.over_on(self.day)
        whole = self.awaits_money and not self.received
        return whole and self.rejected is None and not (self.awaits_purchase_order and over)

    @property
    def left(self) -> Decimal:
        """What remains to be paid, in euros."""
        return self.order.total_ttc - self.received

    @property
    def temporary(self) -> datetime.date | None:
        """The last day of rights that the payment will make firm; None where they are firm, or stand still."""
        return self.source.temporary_until if self.source is not None and not self.stopped else None

    @property
    def stopped(self) -> bool:
        return self.source is not None and self.source.suspended_on(self.day)

    @property
    def rights(self) -> str:
        """Return until when the licences may be used, both dates, in a sentence; nothing where there are none."""
        if self.source is None or self.order.state == OrderState.CANCELLED:
            return ""
        if self.source.over_on(self.day):
            return f"Ces licences ont pris fin le {on_day(self.source.last_day)}."
        told = rights_in_words(self.source, self.day, checked=self.waiting_scan is not None)
        return told or f"Licences valables jusqu'au {on_day(self.source.last_day)} inclus."


def rights_in_words(source: Source, day: datetime.date, *, checked: bool) -> str:
    """Return what an order's licences wait for, as its buyer reads it; empty where they are firm.

    `checked`: its signed purchase order is being looked at, and nothing counts meanwhile.
    """
    if checked and source.unpaid_until is not None and source.usable_on(day):
        return (
            f"Droits temporaires : le compte à rebours, qui allait jusqu'au {on_day(source.unpaid_until)}, est arrêté "
            f"le temps que nous vérifiions votre bon de commande. Puis jusqu'au {on_day(source.last_day)} inclus dès "
            "règlement."
        )
    return standing(source, day)


def follow(order: Order, *, at: datetime.datetime) -> Followed:
    """Return one order with all that its page shows."""
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
    """Return the orders of a list, read in a fixed number of queries."""
    found = list(orders.annotate(turned_down=desk.with_invoice_turned_down()))
    lines = {
        line.order_id: line
        for line in OrderLine.objects.filter(order__in=found).select_related("school_year", "source")
    }
    waiting = PurchaseOrderScan.objects.filter(order__in=found, state=ScanState.WAITING).defer("content")
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
        for order in found
    ]
