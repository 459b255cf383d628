"""Documents of a purchase: downloads of those issued, upload and download of the signed purchase order."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from collectivities.access import OfficeHttpRequest
from core.documents import build_file_response
from licensing.billing import documents
from licensing.billing.documents import get_or_create_purchase_order, get_or_create_quote
from licensing.billing.invoicing import get_or_create_document
from licensing.billing.models import BillingDocument
from licensing.exceptions import LicensingError
from licensing.orders import purchase_orders
from licensing.orders.models import Order
from licensing.orders.purchase_orders import MAX_SCAN_BYTES
from sites.office.purchases import BUYERS, READERS, get_purchase
from sites.office.purchases.detail import render_purchase
from sites.office.purchases.forms import OfficeScanForm
from web.access import require_policy


@require_policy(READERS)
@require_safe
def quote_pdf(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Return the quote as PDF. Raises `Http404` if there is none."""
    order = get_purchase(pk)
    if not order.quote_number:
        raise Http404("This order has no quote.")
    return _download(request, order, get_or_create_quote)


@require_policy(READERS)
@require_safe
def purchase_order_pdf(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Return the purchase order to sign as PDF. Raises `Http404` before the order is placed."""
    order = get_purchase(pk)
    if order.placed_at is None:
        raise Http404("This order is not placed.")
    return _download(request, order, get_or_create_purchase_order)


@require_policy(READERS)
@require_safe
def invoice_pdf(request: OfficeHttpRequest, pk: int, number: str) -> HttpResponse:  # noqa: ARG001 - every view's signature
    """Return an invoice or a credit note of this order as PDF."""
    invoice = get_object_or_404(get_purchase(pk).invoices, number=number)
    return documents.build_download(get_or_create_document(invoice, at=timezone.now()))


@require_policy(READERS)
@require_safe
def scan_download(request: OfficeHttpRequest, pk: int, number: int) -> HttpResponse:  # noqa: ARG001 - every view's signature
    """Return the uploaded scan."""
    scan = get_object_or_404(get_purchase(pk).scans, pk=number)
    # An untrusted upload: never displayed inline.
    return build_file_response(scan.content, name=scan.filename, content_type=scan.content_type)


@require_policy(BUYERS)
@require_POST
def scan_upload(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Receive the signed purchase order; the countdown of the rights stops until it is reviewed."""
    order = get_purchase(pk)
    form = OfficeScanForm(request.POST, request.FILES)
    if not form.is_valid():
        return render_purchase(request, order, scan_form=form, status=422)
    file = form.cleaned_data["scan"]
    try:
        purchase_orders.receive_scan(
            order_id=order.pk,
            filename=file.name,
            # One byte over the limit is enough to detect a file that is too large.
            content=file.read(MAX_SCAN_BYTES + 1),
            by=request.member.user,
            at=timezone.now(),
        )
    except LicensingError as refusal:
        form.add_error("scan", str(refusal))
        return render_purchase(request, order, scan_form=form, status=409)
    messages.success(request, "Bon de commande signé reçu : nous le vérifions, et la facture suit.")
    return redirect("purchases:detail", pk=pk)


def _download(request: OfficeHttpRequest, order: Order, render: Callable[..., BillingDocument]) -> HttpResponse:
    """Return the document, or redirect to the order's page with the reason why it cannot be rendered yet."""
    try:
        return documents.build_download(render(order, at=timezone.now()))
    except LicensingError as refusal:
        messages.error(request, str(refusal))
        return redirect("purchases:detail", pk=order.pk)
