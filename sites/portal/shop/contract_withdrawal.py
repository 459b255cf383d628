"""« Renoncer au contrat »: a consumer fills in a declaration, then confirms it (Code de la consommation, D. 221-5)."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.requests import AuthenticatedRequest
from core.formatting import add_nonbreaking_spaces
from licensing.billing.queries import get_amount_received
from licensing.exceptions import LicensingError
from licensing.orders.exceptions import BadBilling
from licensing.orders.models import ContractWithdrawal, Order, OrderKind
from licensing.orders.queries import can_withdraw, get_last_withdrawal_day
from licensing.payments.credits import withdraw_from_contract
from web.access import signed_in

#: The button of the second step.
_CONFIRM = "confirmer"


class ContractWithdrawalForm(forms.Form):
    """Who withdraws; the order and the address of the receipt are known."""

    name = forms.CharField(
        label="Vos nom et prénom",
        max_length=ContractWithdrawal._meta.get_field("name").max_length,  # noqa: SLF001 - documented
        widget=forms.TextInput({"autocomplete": "name"}),
    )


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def withdraw(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Show the declaration; by POST, show it again to be confirmed, or record it."""
    order = get_object_or_404(Order, pk=pk, kind=OrderKind.SHOP, placed_by=request.user)
    now = timezone.now()
    if not can_withdraw(order, at=now):
        # Mostly the second of a double click: the order's page says that it is cancelled.
        return redirect("orders_detail", pk=pk)
    initial = {"name": request.user.get_full_name()}
    form = ContractWithdrawalForm(request.POST if request.method == "POST" else None, initial=initial)
    confirming = False
    if request.method == "POST" and form.is_valid():
        if request.POST.get("faire") != _CONFIRM:
            confirming = True
        else:
            try:
                withdraw_from_contract(order_id=order.pk, name=form.cleaned_data["name"], by=request.user, at=now)
            except LicensingError as refusal:
                field = refusal.field if isinstance(refusal, BadBilling) else None
                form.add_error(field, add_nonbreaking_spaces(refusal.sentence))
            else:
                messages.success(
                    request,
                    f"Vous avez renoncé au contrat : la commande est annulée. L'accusé de réception est envoyé à "
                    f"{request.user.email}.",
                )
                return redirect("orders_detail", pk=pk)
    context = {
        "order": order,
        "line": order.lines.select_related("school_year").get(),
        "form": form,
        "confirming": confirming,
        "last_day": get_last_withdrawal_day(order),
        "received": get_amount_received(order),
    }
    status = 422 if form.is_bound and not confirming else 200
    return render(request, "portal/shop/contract_withdrawal.html", context, status=status)
