"""The page on which a buyer corrects who pays: until the invoice is issued, or after it was rejected."""

from __future__ import annotations

from dataclasses import asdict

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.requests import AuthenticatedRequest
from core.formatting import add_nonbreaking_spaces
from licensing.billing import operations as billing_operations
from licensing.exceptions import LicensingError
from licensing.orders import billing_details
from licensing.orders.exceptions import BadBilling
from licensing.orders.queries import list_visible_orders
from sites.portal.shop.forms import PROPOSE, PayerForm
from web.access import signed_in


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def correct(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Show who pays; by POST, correct it."""
    order = get_object_or_404(list_visible_orders(request.user), pk=pk)
    if request.method != "POST" and not billing_operations.is_correctable(order):
        return redirect("orders_detail", pk=pk)
    initial = asdict(billing_details.prefill_billing_details(order))
    form = PayerForm(request.POST if request.method == "POST" else None, order=order, initial=initial)
    proposed, keeps_name = request.POST.get("faire") == PROPOSE, False
    if proposed:
        details, keeps_name = form.propose_details(), form.keeps_name
        form = PayerForm(order=order, initial=details)
    elif request.method == "POST" and form.is_valid():
        try:
            billing_operations.correct_billing_details(
                order_id=order.pk, billing=form.billing, by=request.user, at=timezone.now()
            )
        except LicensingError as refusal:
            if isinstance(refusal, BadBilling):
                form.add_refusal(refusal)
            else:
                form.add_error(None, add_nonbreaking_spaces(refusal.sentence))
        else:
            messages.success(request, "Les informations de facturation sont corrigées.")
            return redirect("orders_detail", pk=pk)
    context = {"order": order, "form": form, "proposed": proposed, "keeps_name": keeps_name}
    return render(request, "portal/shop/correct.html", context, status=422 if form.is_bound else 200)
