"""Documents of a purchase: downloads of those issued, upload and download of the signed purchase order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from licensing.exceptions import Refused
from licensing.orders import operations
from licensing.orders.invoicing import document_of
from licensing.orders.operations.receiving import LARGEST_SCAN
from licensing.orders.papers import keeping
from licensing.orders.papers.purchase_order import purchase_order_document
from licensing.orders.papers.quote import quote_document
from licensing.orders.views.documents import scan_file
from licensing.orders.views.office import BUYERS, READERS, purchase
from licensing.orders.views.office.detail import page
from licensing.orders.views.office.forms import ScanForm
from web.access import opened

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpResponse

    from licensing.orders.models import Document, Order
    from licensing.orders.views.office import OfficeRequest


@opened(READERS)
@require_safe
def quote_pdf(request: OfficeRequest, pk: int) -> HttpResponse:
    """Return the quote as PDF. Raises `Http404` if there is none."""
    order = purchase(pk)
    if not order.quote_number:
        raise Http404("This order has no quote.")
    return _download(request, order, quote_document)


@opened(READERS)
@require_safe
def purchase_order_pdf(request: OfficeRequest, pk: int) -> HttpResponse:
    """Return the purchase order to sign as PDF. Raises `Http404` before the order is placed."""
    order = purchase(pk)
    if order.placed_at is None:
        raise Http404("This order is not placed.")
    return _download(request, order, purchase_order_document)


@opened(READERS)
@require_safe
def invoice_pdf(request: OfficeRequest, pk: int, number: str) -> HttpResponse:  # noqa: ARG001 - every view's signature
    """Return an invoice or a credit note of this order as PDF."""
    invoice = get_object_or_404(purchase(pk).invoices, number=number)
    return keeping.download(document_of(invoice, at=timezone.now()))


@opened(READERS)
@require_safe
def scan(request: OfficeRequest, pk: int, number: int) -> HttpResponse:  # noqa: ARG001 - every view's signature
    """Return the uploaded scan."""
    return scan_file(get_object_or_404(purchase(pk).scans, pk=number))


@opened(BUYERS)
@require_POST
def upload(request: OfficeRequest, pk: int) -> HttpResponse:
    """Receive the signed purchase order; the countdown of the rights stops until it is reviewed."""
    order = purchase(pk)
    form = ScanForm(request.POST, request.FILES)
    if not form.is_valid():
        return page(request, order, scan_form=form, status=422)
    file = form.cleaned_data["scan"]
    try:
        operations.receive_scan(
            order_id=order.pk,
            filename=file.name,
            # One byte over the limit is enough to detect a file that is too large.
            content=file.read(LARGEST_SCAN + 1),
            by=request.member.user,
            at=timezone.now(),
        )
    except Refused as refusal:
        form.add_error("scan", str(refusal))
        return page(request, order, scan_form=form, status=409)
    messages.success(request, "Bon de commande signé reçu : nous le vérifions, et la facture suit.")
    return redirect("purchases:detail", pk=pk)


def _download(request: OfficeRequest, order: Order, render: Callable[..., Document]) -> HttpResponse:
    """Return the document, or redirect to the order's page with the reason why it cannot be rendered yet."""
    try:
        return keeping.download(render(order, at=timezone.now()))
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect("purchases:detail", pk=order.pk)
