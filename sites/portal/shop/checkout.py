"""« Commande en cours » (2/3), the checkout: basket, payer, general terms of sale, payment method."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import Profile, User
from accounts.requests import AuthenticatedRequest
from core.calendar import date_in_paris
from licensing.catalogue import terms
from licensing.exceptions import LicensingError
from licensing.orders import billing_details, operations, payers
from licensing.orders import queries as order_offers
from licensing.orders.exceptions import BadBilling
from licensing.orders.models import Order, OrderKind, OrderState, SettlementMethod
from licensing.orders.operations import compute_basket_fingerprint
from licensing.orders.templatetags.shop import beneficiary_label
from licensing.payments import card, card_providers
from sites.portal.shop.forms import PROPOSE, CheckoutForm
from web.access import signed_in

#: What places no order: the button that creates a quote, and the page's question what an address costs.
_QUOTE, _TOTAL = "devis", "total"


@signed_in
@require_safe
@never_cache
def basket(request: AuthenticatedRequest) -> HttpResponse:
    """Redirect to the order that the user prepares; without one, say that nothing is in the basket."""
    drafts = Order.objects.filter(kind=OrderKind.SHOP, state=OrderState.DRAFT, placed_by=request.user)
    order = drafts.order_by("pk").last()
    if order is not None:
        return redirect("shop_order", pk=order.pk)
    return render(request, "portal/shop/empty_basket.html", {"agent": request.user.profile == Profile.AGENT})


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def checkout(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Show the draft order and its form; by POST, place it, start the card payment or create a quote."""
    user = request.user
    order = get_object_or_404(Order, pk=pk, kind=OrderKind.SHOP, placed_by=user)
    if order.state != OrderState.DRAFT:
        return redirect("orders_detail", pk=pk)
    if request.method != "POST":
        return _render(request, order, _prefilled_form(order))
    button = request.POST.get("faire")
    form = CheckoutForm(
        request.POST, order=order, initial={}, cards=card_providers.is_available(), for_quote=button == _QUOTE
    )
    if button == PROPOSE:
        proposed = _build_form(order, form.propose_details())
        return _render(request, order, proposed, proposed=True, keeps_name=form.keeps_name)
    if button == _TOTAL:
        return _render(request, order, _build_form(order, form.typed))
    if not form.is_valid():
        return _render(request, order, form, status=422)
    return (_create_quote if button == _QUOTE else _place)(request, order, form, user)


def _create_quote(request: AuthenticatedRequest, order: Order, form: CheckoutForm, user: User) -> HttpResponse:
    """Create a quote for the chosen payer and redirect to its PDF."""
    try:
        operations.issue_quote(order_id=order.pk, billing=form.billing, by=user, at=timezone.now())
    except BadBilling as refusal:
        form.add_refusal(refusal)
        return _render(request, order, form, status=422)
    except LicensingError as refusal:
        return _render(request, order, form, status=409, refusal=refusal)
    return redirect("orders_quote", pk=order.pk)


def _place(request: AuthenticatedRequest, order: Order, form: CheckoutForm, user: User) -> HttpResponse:
    """Place the order or start the card payment; on a refusal, render the form again with its input."""
    arguments: dict[str, Any] = {
        "order_id": order.pk,
        "billing": form.billing,
        "terms_version": form.cleaned_data["terms_version"],
        "basket": request.POST.get("panier", ""),
        "by": user,
        "at": timezone.now(),
    }
    try:
        if form.cleaned_data["method"] == SettlementMethod.MANDATE:
            placed = operations.place(**arguments)
            messages.success(request, f"Votre commande est enregistrée. {_describe_next_step(placed)}")
            return redirect("orders_detail", pk=order.pk)
        payment = card.pay_draft(**arguments)
    except BadBilling as refusal:
        form.add_refusal(refusal)
        return _render(request, order, form, status=422)
    except LicensingError as refusal:
        return _render(request, order, form, status=409, refusal=refusal)
    return redirect(payment.get_process_url())


def _describe_next_step(order: Order) -> str:
    """Return what to do with the purchase order: whoever pays signs it."""
    if payers.is_paid_by_buyer(order):
        return "Reste à signer le bon de commande, puis à le déposer ici."
    return f"Reste à faire signer le bon de commande par « {order.bill_name} », qui paie, puis à le déposer ici."


@signed_in
@require_POST
def discard(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Discard a draft order."""
    order = get_object_or_404(Order, pk=pk, kind=OrderKind.SHOP, placed_by=request.user)
    try:
        operations.discard_draft(order_id=order.pk, by=request.user, at=timezone.now())
    except LicensingError as refusal:
        messages.error(request, refusal.sentence)
        return redirect("orders_detail", pk=pk)
    messages.success(request, "La commande est abandonnée : rien n'a été commandé.")
    return redirect("shop")


def _prefilled_form(order: Order) -> CheckoutForm:
    method = {"method": order.method} if order.method else {}
    return _build_form(order, {**asdict(billing_details.prefill_billing_details(order)), **method})


def _build_form(order: Order, initial: dict[str, Any]) -> CheckoutForm:
    return CheckoutForm(
        order=order, cards=card_providers.is_available(), initial={**initial, "terms_version": terms.CURRENT}
    )


def _render(
    request: AuthenticatedRequest,
    order: Order,
    form: CheckoutForm,
    *,
    status: int = 200,
    refusal: LicensingError | None = None,
    proposed: bool = False,
    keeps_name: bool = False,
) -> HttpResponse:
    line = order.lines.select_related("school_year", "product").get()
    # What the page shows is what its address will cost.
    place = {name: str(form[name].value() or "") for name in ("country", "postal_code", "vat_number")}
    billing_details.preview_vat(order, line, **place)
    several_years = len(order_offers.list_years_to_order(date_in_paris(timezone.now()))) > 1
    context = {
        "order": order,
        "beneficiary": beneficiary_label(order),
        "line": line,
        "form": form,
        "basket_fingerprint": compute_basket_fingerprint(order, line),
        "refusal": refusal,
        "proposed": proposed,
        "keeps_name": keeps_name,
        "needs_review": operations.needs_review(order),
        "terms_address": terms.get_terms_url(terms.CURRENT),
        "back_query": f"&annee={line.school_year.ends_on.year}" if several_years else "",
    }
    return render(request, "portal/shop/checkout.html", context, status=status)
