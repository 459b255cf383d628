"""Downloads of a shop order's documents: quote, purchase order, invoices and credit notes."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.requests import AuthenticatedRequest
from licensing.billing import documents, invoicing
from licensing.billing.models import BillingDocument
from licensing.exceptions import LicensingError
from licensing.orders.models import Order, OrderState, SettlementMethod
from licensing.orders.queries import list_visible_orders
from web.access import signed_in


@signed_in
@require_safe
def quote(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Return the order's quote as PDF."""
    order = get_object_or_404(list_visible_orders(request.user).exclude(quote_number=""), pk=pk)
    return _download(request, order, documents.get_or_create_quote)


@signed_in
@require_safe
def purchase_order(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Return the purchase order to sign as PDF, for orders paid by cheque or mandat administratif."""
    order = get_object_or_404(
        list_visible_orders(request.user).exclude(state=OrderState.DRAFT),
        pk=pk,
        method=SettlementMethod.MANDATE,
    )
    return _download(request, order, documents.get_or_create_purchase_order)


@signed_in
@require_safe
def invoice(request: AuthenticatedRequest, pk: int, number: str) -> HttpResponse:
    """Return an invoice or a credit note of the order as PDF."""
    order = get_object_or_404(list_visible_orders(request.user), pk=pk)
    found = get_object_or_404(order.invoices, number=number)
    return documents.build_download(invoicing.get_or_create_document(found, at=timezone.now()))


def _download(request: AuthenticatedRequest, order: Order, render: Callable[..., BillingDocument]) -> HttpResponse:
    """Return the document, or redirect to the order's page with the reason why it cannot be rendered yet."""
    try:
        return documents.build_download(render(order, at=timezone.now()))
    except LicensingError as refusal:
        messages.error(request, refusal.sentence)
        return redirect("shop_order" if order.state == OrderState.DRAFT else "orders_detail", pk=order.pk)
