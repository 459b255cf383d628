"""« Achats »: the list of purchases and drafts, with the status of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef, Sum
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe
from django_tables2 import RequestConfig

from licensing.catalogue.operations import day_in_france
from licensing.orders import desk
from licensing.orders.following import rights_in_words
from licensing.orders.models import PurchaseOrderScan, ScanState
from licensing.orders.views.office import READERS, buys, purchases
from licensing.orders.views.office.tables import PurchaseTable
from licensing.subscriptions.models import Source
from web.access import opened

if TYPE_CHECKING:
    from django.http import HttpResponse

    from licensing.orders.views.office import OfficeRequest

PER_PAGE = 50


@opened(READERS)
@require_safe
def listing(request: OfficeRequest) -> HttpResponse:
    """List the orders, without discarded drafts."""
    waiting = PurchaseOrderScan.objects.filter(order=OuterRef("pk"), state=ScanState.WAITING)
    orders = (
        purchases()
        .exclude(state="cancelled", placed_at=None)
        .annotate(licences=Sum("lines__quantity"), scanned=Exists(waiting), turned_down=desk.with_invoice_turned_down())
    )
    table = PurchaseTable(orders)
    RequestConfig(request, paginate={"per_page": PER_PAGE}).configure(table)
    orders_on_page = {row.record.pk: row.record for row in table.page.object_list}
    today = day_in_france(timezone.now())
    for entitlement in Source.objects.filter(order_line__order__in=orders_on_page).select_related("order_line"):
        order = orders_on_page[entitlement.order_line.order_id]
        order.rights_summary = rights_in_words(entitlement, today, checked=order.scanned)
    return render(request, "orders/office/list.html", {"table": table, "buys": buys(request)})
