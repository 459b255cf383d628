"""« Mes commandes »: the list of orders and the page of each, with its documents and progress."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.requests import AuthenticatedRequest
from core.formatting import add_nonbreaking_spaces
from licensing.billing import operations as billing_operations
from licensing.billing.snapshots import DAYS_TO_PAY
from licensing.catalogue import terms
from licensing.exceptions import LicensingError
from licensing.orders import purchase_orders
from licensing.orders.exceptions import BadBilling
from licensing.orders.models import Order
from licensing.orders.payers import is_paid_by_buyer, list_order_references
from licensing.orders.purchase_orders import MAX_SCAN_BYTES
from licensing.orders.queries import can_withdraw, get_last_withdrawal_day, list_visible_orders
from licensing.orders.templatetags.shop import beneficiary_label
from licensing.payments import card, card_providers
from sites.portal.shop.forms import PayerReferencesForm, ShopScanForm
from sites.portal.shop.order_progress import get_progress, list_progress
from web.access import signed_in


@signed_in
@require_safe
@never_cache
def order_list(request: AuthenticatedRequest) -> HttpResponse:
    """List the user's orders and those of the schools they lead, latest first."""
    progress = list_progress(list_visible_orders(request.user), at=timezone.now())
    return render(request, "portal/shop/list.html", {"progress": progress})


@signed_in
@require_safe
@never_cache
def detail(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Show an order's status, next step and deadline."""
    order = _get_order(request, pk)
    if order.placed_at is None and order.placed_by_id == request.user.pk:
        return redirect("shop_order", pk=pk)
    return _render(request, order)


@signed_in
@require_POST
def upload_scan(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Receive the upload of the signed purchase order."""
    order = _get_order(request, pk)
    form = ShopScanForm(request.POST, request.FILES)
    if not form.is_valid():
        return _render(request, order, status=422, scan_form=form)
    file = form.cleaned_data["file"]
    try:
        purchase_orders.receive_scan(
            order_id=order.pk,
            filename=file.name,
            # One byte over the limit is enough to detect a file that is too large.
            content=file.read(MAX_SCAN_BYTES + 1),
            by=request.user,
            at=timezone.now(),
        )
    except LicensingError as refusal:
        form.add_error("file", add_nonbreaking_spaces(refusal.sentence))
        return _render(request, order, status=409, scan_form=form)
    messages.success(request, "Le bon de commande signé est déposé : nous le vérifions, puis la facture est émise.")
    return redirect("orders_detail", pk=pk)


@signed_in
@require_POST
def complete(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Complete the references that the invoice of a public payer or a business will carry."""
    order = _get_order(request, pk)
    form = PayerReferencesForm(request.POST, shown=list_order_references(order), initial={})
    if not form.is_valid():
        return _render(request, order, status=422, references_form=form)
    try:
        billing_operations.complete_billing_details(
            order_id=order.pk, **form.cleaned_data, by=request.user, at=timezone.now()
        )
    except BadBilling as refusal:
        form.add_refusal(refusal)
        return _render(request, order, status=422, references_form=form)
    except LicensingError as refusal:
        return _render(request, order, status=409, refusal=refusal)
    messages.success(request, "Les informations de facturation sont enregistrées.")
    return redirect("orders_detail", pk=pk)


@signed_in
@require_POST
def pay_by_card(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Start the card payment of an order placed with another payment method."""
    order = _get_order(request, pk)
    try:
        payment = card.start_attempt(order_id=order.pk, by=request.user, at=timezone.now())
    except LicensingError as refusal:
        return _render(request, order, status=409, refusal=refusal)
    return redirect(payment.get_process_url())


def _get_order(request: AuthenticatedRequest, pk: int) -> Order:
    return get_object_or_404(list_visible_orders(request.user), pk=pk)


def _render(request: AuthenticatedRequest, order: Order, *, status: int = 200, **overrides: Any) -> HttpResponse:
    order.refresh_from_db(from_queryset=Order.objects.select_related("school", "placed_by"))
    now = timezone.now()
    progress = get_progress(order, at=now)
    withdrawable = order.placed_by_id == request.user.pk and can_withdraw(order, at=now)
    context = {
        "progress": progress,
        "order": order,
        "beneficiary": beneficiary_label(order),
        "days_to_pay": DAYS_TO_PAY,
        "own_payment": is_paid_by_buyer(order),
        "line": progress.line,
        "terms_address": terms.get_terms_url(order.terms_version or terms.CURRENT),
        "withdrawal_until": get_last_withdrawal_day(order) if withdrawable else None,
        "scan_form": ShopScanForm(),
        "references_form": PayerReferencesForm(
            shown=list_order_references(order),
            initial={
                "siret": order.siret,
                "siren": order.siren,
                "service_code": order.service_code,
                "engagement_number": order.engagement_number,
            },
        ),
        "by_card": progress.by_card and order.placed_by_id == request.user.pk and card_providers.is_available(),
        **overrides,
    }
    return render(request, "portal/shop/detail.html", context, status=status)
