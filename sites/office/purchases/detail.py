"""The page of one purchase: status, next step, documents."""

from __future__ import annotations

import datetime
from typing import Any, NamedTuple

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from collectivities.access import OfficeHttpRequest
from collectivities.models import Role
from collectivities.queries import list_members
from core import formatting
from core.calendar import date_in_paris
from licensing.billing.models import Invoice, InvoiceKind
from licensing.billing.queries import get_balance
from licensing.catalogue.models import Seller
from licensing.entitlements import wording
from licensing.entitlements.models import Entitlement
from licensing.orders import payers, siret_numbers
from licensing.orders.models import Order, OrderState, ScanState
from licensing.pools.models import Pool
from sites.office.purchases import READERS, can_buy, get_purchase
from sites.office.purchases.forms import OfficeScanForm
from sites.office.purchases.tables import render_badge
from web.access import require_policy

#: States in which the billing codes may still be completed: no invoice is issued yet.
COMPLETABLE = (OrderState.PLACED, OrderState.LAPSED)


class PurchaseStep(NamedTuple):
    """One step of the progress bar of a purchase."""

    label: str
    #: « done », « current » or « to come ».
    state: str
    details: str = ""


@require_policy(READERS)
@require_safe
def detail(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Show the order and its next step."""
    return render_purchase(request, get_purchase(pk))


def render_purchase(
    request: OfficeHttpRequest, order: Order, *, scan_form: OfficeScanForm | None = None, status: int = 200
) -> HttpResponse:
    """Render the page of the order; `scan_form`: a refused upload, with its errors."""
    today = date_in_paris(timezone.now())
    entitlement = Entitlement.objects.filter(order_line__order=order).first()
    scans = list(order.scans.defer("content").order_by("-received_at", "-pk"))
    waiting = next((scan for scan in scans if scan.state == ScanState.WAITING), None)
    invoices = list(order.invoices.select_related("corrects").order_by("pk"))
    cancelled = {one.corrects_id for one in invoices if not one.is_partial}
    live = next((one for one in invoices if one.kind == InvoiceKind.INVOICE and one.pk not in cancelled), None)
    awaited = order.state in COMPLETABLE
    turned_down = live.get_rejection() if live else None
    overdue = live is not None and order.state == OrderState.CONFIRMED and live.due_on < today
    free, is_untouched = _count_free(request, entitlement, today)
    context: dict[str, Any] = {
        "order": order,
        "free": free,
        # The page's filled button, until something was given.
        "gives_first": free and is_untouched and not overdue and turned_down is None,
        "badge": render_badge(order, scanned=waiting is not None, turned_down=turned_down is not None),
        "lines": order.lines.select_related("school_year").order_by("pk"),
        "rights_summary": wording.status_text(entitlement, today, under_review=waiting is not None)
        if entitlement
        else "",
        "rights_colour": _choose_colour(order, scanned=waiting is not None, overdue=overdue),
        "steps": _build_steps(order, received=waiting is not None, invoice=live, redone=turned_down is not None),
        "buys": can_buy(request),
        "buyers": [] if can_buy(request) else list_members(Role.BUYER),
        "awaited": awaited,
        "turned_down": turned_down,
        "completable": awaited or turned_down is not None,
        "quote_valid": order.quote_until is not None and today <= order.quote_until,
        "preflight": payers.check_order(order) if awaited else None,
        "waiting": waiting,
        "refused": next((scan for scan in scans if scan.state == ScanState.REFUSED), None) if not waiting else None,
        "scans": scans,
        "scan_form": scan_form or OfficeScanForm(),
        "invoices": invoices,
        "invoice": live,
        "overdue": overdue,
        "to_pay": get_balance(order) if live else None,
        "surplus": -get_balance(order),
        "payments": order.payments.order_by("pk"),
        "seller": Seller.objects.first(),
        "siret": siret_numbers.format_with_spaces(order.siret) if order.siret else "",
        "events": order.events.select_related("by").order_by("-at", "-pk"),
    }
    return render(request, "office/purchases/detail.html", context, status=status)


def _count_free(request: OfficeHttpRequest, entitlement: Entitlement | None, today: datetime.date) -> tuple[int, bool]:
    """Return how many licences of the order the member may give now, and whether none was given yet."""
    if (
        entitlement is None
        or not entitlement.available_on(today)
        or {Role.DATA_OFFICER, Role.MANAGER}.isdisjoint(request.member.roles)
    ):
        return 0, False
    pool = Pool.objects.filter(entitlement=entitlement).first()
    return (pool.free, pool.free == pool.capacity) if pool else (0, False)


def _choose_colour(order: Order, *, scanned: bool, overdue: bool) -> str:
    """Return the colour of the alert that states the rights."""
    if order.state == OrderState.LAPSED or overdue:
        return "danger"
    return "warning" if order.state == OrderState.PLACED and not scanned else "info"


def _build_steps(order: Order, *, received: bool, invoice: Invoice | None, redone: bool) -> list[PurchaseStep]:
    """Return the five steps of a purchase with their states; none for a cancelled order."""
    if order.state == OrderState.CANCELLED:
        return []
    reached = {
        OrderState.DRAFT: 1,
        OrderState.PLACED: 2,
        OrderState.LAPSED: 2,
        # An invoice that was turned down is to be reissued.
        OrderState.CONFIRMED: 3 if redone else 4,
        OrderState.PAID: 5,
    }[OrderState(order.state)]
    labels = [
        ("Volume et prix", formatting.euros(order.total_ttc) + " TTC"),
        ("Commande", _format_day(order.placed_at)),
        ("Bon de commande signé", "en cours de vérification" if received else _format_day(order.received_at)),
        ("Facture", f"{invoice.number}, {wording.format_long_date(invoice.issued_on)}" if invoice else ""),
        ("Règlement", _format_day(order.paid_at)),
    ]
    return [
        PurchaseStep(label, "done" if position < reached else "current" if position == reached else "to come", details)
        for position, (label, details) in enumerate(labels)
    ]


def _format_day(moment: datetime.datetime | None) -> str:
    return wording.format_long_date(moment) if moment else ""
