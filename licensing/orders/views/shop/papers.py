"""The documents of an order of the shop, as they were made: quote, purchase order, invoices and credit notes."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_safe

from licensing.exceptions import Refused
from licensing.orders import invoicing, papers
from licensing.orders.models import Method, OrderState
from licensing.orders.shop_queries import orders_of
from web.access import signed_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

    from accounts.models import User
    from licensing.orders.models import Document, Order


@signed_in
@require_safe
def quote(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the order's quote."""
    order = get_object_or_404(orders_of(cast("User", request.user)).exclude(quote_number=""), pk=pk)
    return _handed(request, order, papers.quote_document)


@signed_in
@require_safe
def purchase_order(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the purchase order to sign, of an order by cheque or mandat administratif."""
    order = get_object_or_404(
        orders_of(cast("User", request.user)).exclude(state=OrderState.DRAFT), pk=pk, method=Method.MANDATE
    )
    return _handed(request, order, papers.purchase_order_document)


@signed_in
@require_safe
def invoice(request: HttpRequest, pk: int, number: str) -> HttpResponse:
    """Show an invoice or a credit note of the order."""
    order = get_object_or_404(orders_of(cast("User", request.user)), pk=pk)
    found = get_object_or_404(order.invoices, number=number)
    return papers.download(invoicing.document_of(found, at=timezone.now()))


def _handed(request: HttpRequest, order: Order, make: Callable[..., Document]) -> HttpResponse:
    """Return the paper; where it cannot be made out yet, say why on the order's page."""
    try:
        return papers.download(make(order, at=timezone.now()))
    except Refused as refusal:
        messages.error(request, refusal.sentence)
        return redirect("shop_order" if order.state == OrderState.DRAFT else "orders_detail", pk=order.pk)
