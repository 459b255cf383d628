"""Progress of an order as shown to its buyer: state, dates, countdown, documents, next step."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from decimal import Decimal

from django.db.models import QuerySet

from accounts.models import User
from core.calendar import date_in_paris
from licensing.billing.models import Invoice, InvoiceKind, PlatformStatus
from licensing.billing.queries import get_amount_received, has_rejected_invoice
from licensing.entitlements.models import Entitlement
from licensing.entitlements.wording import format_long_date, status_text
from licensing.orders import payers
from licensing.orders.models import (
    ZERO,
    Order,
    OrderEvent,
    OrderLine,
    OrderState,
    PurchaseOrderScan,
    ScanState,
    SettlementMethod,
)
from licensing.orders.payers import MissingDetail
from licensing.orders.queries import list_visible_orders

#: Colour and label of each state, as shown to the buyer.
_BADGES = {
    OrderState.DRAFT: ("secondary", "En préparation"),
    OrderState.IN_REVIEW: ("blue", "À vérifier"),
    OrderState.PLACED: ("yellow", "Bon de commande attendu"),
    OrderState.CONFIRMED: ("yellow", "À régler"),
    OrderState.PAID: ("green", "Réglée"),
    OrderState.LAPSED: ("red", "Droits suspendus"),
    OrderState.CANCELLED: ("secondary", "Annulée"),
}
UNSIGNED_STATES = (OrderState.IN_REVIEW, OrderState.PLACED, OrderState.LAPSED)
_BEING_CHECKED = ("blue", "Bon de commande à l’étude")
_TO_REISSUE = ("red", "Facture à refaire")


@dataclass(frozen=True, kw_only=True)
class OrderProgress:
    """An order with everything its page shows. Lists are chronological."""

    order: Order
    line: OrderLine
    day: datetime.date
    entitlement: Entitlement | None
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
        return self.order.state in UNSIGNED_STATES

    @property
    def in_review(self) -> bool:
        """Whether the operator looks at the order before its rights open."""
        return self.order.state == OrderState.IN_REVIEW

    @property
    def awaits_money(self) -> bool:
        return self.awaits_purchase_order or self.order.state == OrderState.CONFIRMED

    @property
    def by_mandate(self) -> bool:
        return self.order.method == SettlementMethod.MANDATE

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
    def next_step(self) -> str:
        """What an unsigned order waits for, after « Commande n° 5 : »."""
        if self.in_review:
            return "nous la vérifions"
        if self.waiting_scan:
            return "votre bon de commande signé est à l'étude"
        return "droits suspendus, bon de commande à signer" if self.is_suspended else "bon de commande à signer"

    @property
    def current_invoice(self) -> Invoice | None:
        """The invoice not cancelled by a credit note."""
        cancelled = {one.corrects_id for one in self.invoices if not one.is_partial}
        live = (one for one in self.invoices if one.kind == InvoiceKind.INVOICE and one.pk not in cancelled)
        return next(live, None)

    @property
    def credit(self) -> Invoice | None:
        """The last credit note."""
        return next((one for one in reversed(self.invoices) if one.kind == InvoiceKind.CREDIT_NOTE), None)

    @property
    def rejected(self) -> PlatformStatus | None:
        """The latest status of the current invoice, if it is a rejection."""
        return self.current_invoice.get_rejection() if self.current_invoice is not None else None

    @property
    def missing(self) -> list[MissingDetail]:
        """Details that the invoice, or its replacement, still needs."""
        return payers.check_order(self.order).missing if self.awaits_purchase_order or self.rejected else []

    @property
    def is_correctable(self) -> bool:
        """Whether who pays can still be corrected: no invoice yet, or a rejected one."""
        return self.awaits_purchase_order or self.rejected is not None

    @property
    def by_card(self) -> bool:
        """Whether the full price can be paid by card: nothing received, no rejection, licences not expired."""
        expired = self.entitlement is not None and self.entitlement.over_on(self.day)
        fully_due = self.awaits_money and not self.received and not self.order.credited
        return fully_due and self.rejected is None and not (self.awaits_purchase_order and expired)

    @property
    def balance(self) -> Decimal:
        """Amount still due, in euros."""
        return self.order.owed - self.received

    @property
    def surplus(self) -> Decimal:
        """Amount paid in excess, in euros; negative where some is still due."""
        return -self.balance

    @property
    def temporary(self) -> datetime.date | None:
        """The last day of temporary rights; None if they are firm or suspended."""
        return self.entitlement.temporary_until if self.entitlement is not None and not self.is_suspended else None

    @property
    def is_suspended(self) -> bool:
        return self.entitlement is not None and self.entitlement.suspended_on(self.day)

    @property
    def rights_colour(self) -> str:
        """The colour of the alert that states the rights."""
        return "danger" if self.is_suspended else "warning" if self.temporary else "success"

    @property
    def rights(self) -> str:
        """A sentence on how long the licences are valid; empty if there are none."""
        if self.entitlement is None or self.order.state == OrderState.CANCELLED:
            return ""
        if self.entitlement.over_on(self.day):
            return f"Ces licences ont pris fin le {format_long_date(self.entitlement.last_day)}."
        sentence = status_text(self.entitlement, self.day, under_review=self.waiting_scan is not None)
        return sentence or f"Licences valables jusqu'au {format_long_date(self.entitlement.last_day)} inclus."


def list_unsigned_progress(user: User, *, at: datetime.datetime) -> list[OrderProgress]:
    """Return the orders visible to a user that are being checked or wait for their signed purchase order."""
    return list_progress(list_visible_orders(user).filter(state__in=UNSIGNED_STATES), at=at)


def get_progress(order: Order, *, at: datetime.datetime) -> OrderProgress:
    """Return an order with everything its page shows."""
    line = order.lines.select_related("school_year", "entitlement").get()
    return OrderProgress(
        order=order,
        line=line,
        day=date_in_paris(at),
        entitlement=line.entitlement,
        received=get_amount_received(order),
        scans=list(order.scans.defer("content").order_by("pk")),
        invoices=list(order.invoices.defer("xml", "snapshot").order_by("pk")),
        events=list(order.events.order_by("at", "pk")),
        turned_down=order.invoices.rejected().exists(),
    )


def list_progress(orders: QuerySet[Order], *, at: datetime.datetime) -> list[OrderProgress]:
    """Return the orders of a list, in a fixed number of queries."""
    annotated = list(orders.prefetch_related("placed_by__affiliations").annotate(turned_down=has_rejected_invoice()))
    lines = {
        line.order_id: line
        for line in OrderLine.objects.filter(order__in=annotated).select_related("school_year", "entitlement")
    }
    waiting = PurchaseOrderScan.objects.filter(order__in=annotated, state=ScanState.WAITING).defer("content")
    scans = {scan.order_id: [scan] for scan in waiting}
    return [
        OrderProgress(
            order=order,
            line=lines[order.pk],
            day=date_in_paris(at),
            entitlement=lines[order.pk].entitlement,
            scans=scans.get(order.pk, []),
            turned_down=vars(order)["turned_down"],
        )
        for order in annotated
    ]
