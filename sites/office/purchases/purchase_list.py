"""« Achats »: the list of purchases and drafts, with the status of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Exists, F, OuterRef, Sum
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe
from django_tables2 import RequestConfig

from core.calendar import date_in_paris
from licensing.billing.queries import has_rejected_invoice
from licensing.entitlements.models import Entitlement
from licensing.orders.models import PurchaseOrderScan, ScanState
from licensing.orders.wording import describe_rights
from sites.office.purchases import READERS, can_buy, list_purchases
from sites.office.purchases.tables import PurchaseTable
from web.access import require_policy

if TYPE_CHECKING:
    from django.http import HttpResponse

    from collectivities.access import OfficeHttpRequest

PER_PAGE = 50


@require_policy(READERS)
@require_safe
def purchase_list(request: OfficeHttpRequest) -> HttpResponse:
    """List the orders, without discarded drafts."""
    waiting = PurchaseOrderScan.objects.filter(order=OuterRef("pk"), state=ScanState.WAITING)
    orders = (
        list_purchases()
        .exclude(state="cancelled", placed_at=None)
        .annotate(
            licences=Sum(F("lines__quantity") - F("lines__taken_back")),
            scanned=Exists(waiting),
            turned_down=has_rejected_invoice(),
        )
    )
    table = PurchaseTable(orders)
    RequestConfig(request, paginate={"per_page": PER_PAGE}).configure(table)
    orders_on_page = {row.record.pk: row.record for row in table.page.object_list}
    today = date_in_paris(timezone.now())
    for entitlement in Entitlement.objects.filter(order_line__order__in=orders_on_page):
        order = orders_on_page[entitlement.number]
        order.rights_summary = describe_rights(entitlement, today, checked=order.scanned)
    return render(request, "office/purchases/list.html", {"table": table, "buys": can_buy(request)})
