"""« Achats »: the list of purchases and drafts, with the status of each."""

from __future__ import annotations

from django.db.models import F, Sum
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe
from django_tables2 import RequestConfig

from collectivities.access import OfficeHttpRequest
from collectivities.models import Role
from collectivities.queries import list_members
from core.calendar import date_in_paris
from licensing.billing.queries import has_rejected_invoice
from licensing.entitlements.models import Entitlement
from licensing.entitlements.wording import status_text
from licensing.orders.queries import is_under_review
from sites.office.purchases import READERS, can_buy, list_purchases
from sites.office.purchases.tables import PurchaseTable
from web.access import require_policy

PER_PAGE = 50


@require_policy(READERS)
@require_safe
def purchase_list(request: OfficeHttpRequest) -> HttpResponse:
    """List the orders, without discarded drafts."""
    orders = (
        list_purchases()
        .exclude(state="cancelled", placed_at=None)
        .annotate(
            licences=Sum(F("lines__quantity") - F("lines__taken_back")),
            scanned=is_under_review(),
            turned_down=has_rejected_invoice(),
        )
    )
    table = PurchaseTable(orders)
    RequestConfig(request, paginate={"per_page": PER_PAGE}).configure(table)
    orders_on_page = {row.record.pk: row.record for row in table.page.object_list}
    today = date_in_paris(timezone.now())
    for entitlement in Entitlement.objects.filter(order_line__order__in=orders_on_page):
        order = orders_on_page[entitlement.number]
        order.rights_summary = status_text(entitlement, today, under_review=order.scanned)
    buys = can_buy(request)
    buyers = [] if buys or orders_on_page else list_members(Role.BUYER)
    return render(request, "office/purchases/list.html", {"table": table, "buys": buys, "buyers": buyers})
