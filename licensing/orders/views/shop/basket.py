"""« Commande en cours » (2/3): what is ordered, who pays, the general terms of sale, how it is paid; then « Payer »."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

from django.contrib import messages
from django.db import transaction
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from licensing.catalogue import terms
from licensing.exceptions import Refused
from licensing.orders import card, operations
from licensing.orders.exceptions import BadBilling, PriceChanged
from licensing.orders.models import Method, Order, OrderKind, OrderState
from licensing.orders.views.shop.forms import PAYERS, CheckoutForm
from web.access import signed_in
from web.typography import spaced

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from accounts.models import User

#: The buttons that order nothing: one proposes the address of whoever was said to pay, one makes a quote out to him.
ADDRESS, QUOTE = "adresse", "devis"


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def basket(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the order in preparation, with its form; « Payer » places it, or leads to the payment by card."""
    user = cast("User", request.user)
    order = get_object_or_404(Order, pk=pk, kind=OrderKind.SHOP, placed_by=user)
    if order.state != OrderState.DRAFT:
        return redirect("orders_detail", pk=pk)
    if request.method != "POST":
        return _page(request, order, _unbound(order))
    asked = request.POST.get("faire")
    form = CheckoutForm(request.POST, order=order, cards=card.available(), for_quote=asked == QUOTE)
    if asked == ADDRESS:
        return _page(request, order, _with_address(form, order))
    if not form.is_valid():
        return _page(request, order, form, status=422)
    return (_quoted if asked == QUOTE else _paid)(request, order, form, user)


def _quoted(request: HttpRequest, order: Order, form: CheckoutForm, user: User) -> HttpResponse:
    """Make a quote out to whoever was said to pay; it comes as a file, and the page stays."""
    try:
        operations.quote(order_id=order.pk, billing=form.billing, by=user, at=timezone.now())
    except BadBilling as refusal:
        form.add_error(refusal.field, spaced(refusal.sentence))
        return _page(request, order, form, status=422)
    except Refused as refusal:
        return _page(request, order, form, status=409, refusal=refusal)
    return redirect("orders_quote", pk=order.pk)


def _paid(request: HttpRequest, order: Order, form: CheckoutForm, user: User) -> HttpResponse:
    """Place the order, or lead to the card; a refusal comes back with all that was typed."""
    asked: dict[str, Any] = {
        "order_id": order.pk,
        "billing": form.billing,
        "terms_version": form.cleaned_data["terms_version"],
        "at": timezone.now(),
    }
    by_mandate = form.cleaned_data["method"] == Method.MANDATE
    try:
        with transaction.atomic():
            _refuse_unseen(order, request.POST.get("panier", ""))
            if by_mandate:
                operations.place(**asked, by=user)
            else:
                operations.choose_card(**asked)
        if by_mandate:
            return redirect("orders_detail", pk=order.pk)
        payment = card.start(order_id=order.pk, by=user, at=asked["at"])
    except BadBilling as refusal:
        form.add_error(refusal.field, spaced(refusal.sentence))
        return _page(request, order, form, status=422)
    except Refused as refusal:
        return _page(request, order, form, status=409, refusal=refusal)
    return redirect(payment.get_process_url())


def _shown(order: Order) -> str:
    """Return what tells the basket that a page shows from what another window may put in it: for whom, and what."""
    line = order.lines.get()
    return f"{order.school_id or ''} {line.school_year_id} {line.quantity} {line.total_ttc}"


def _refuse_unseen(order: Order, seen: str) -> None:
    """Lock the order, and raise `PriceChanged` where its basket is no longer the one that the page showed."""
    if _shown(Order.objects.locked().get(pk=order.pk)) != seen:
        raise PriceChanged(
            "Votre panier a changé depuis que cette page est affichée, sans doute dans un autre onglet. Le voici tel "
            "qu'il est : relisez-le, puis recommencez. Rien n'a été commandé."
        )


@signed_in
@require_POST
def discard(request: HttpRequest, pk: int) -> HttpResponse:
    """Put aside an order that was not placed."""
    order = get_object_or_404(Order, pk=pk, kind=OrderKind.SHOP, placed_by=cast("User", request.user))
    try:
        operations.discard(order_id=order.pk, by=cast("User", request.user), at=timezone.now())
    except Refused as refusal:
        messages.error(request, refusal.sentence)
        return redirect("orders_detail", pk=pk)
    messages.success(request, "La commande est abandonnée : rien n'a été commandé.")
    return redirect("shop")


def _unbound(order: Order) -> CheckoutForm:
    method = {"method": order.method} if order.method else {}
    return _form(order, {**asdict(operations.prefilled(order)), **method})


def _with_address(form: CheckoutForm, order: Order) -> CheckoutForm:
    """Return the form with the address of the payer who was chosen, and all else as it was typed."""
    typed = {name: form[name].value() for name in form.fields}
    payer = str(typed["payer"] or "")
    found = asdict(operations.prefilled(order, payer=payer if payer in dict(PAYERS) else None))
    return _form(order, {**typed, **found, "email": typed["email"]})


def _form(order: Order, initial: dict[str, Any]) -> CheckoutForm:
    return CheckoutForm(order=order, cards=card.available(), initial={**initial, "terms_version": terms.CURRENT})


def _page(
    request: HttpRequest, order: Order, form: CheckoutForm, *, status: int = 200, refusal: Refused | None = None
) -> HttpResponse:
    line = order.lines.select_related("school_year").get()
    content = {
        "order": order,
        "line": line,
        "form": form,
        "shown": _shown(order),
        "refusal": refusal,
        "terms_address": terms.address(terms.CURRENT),
    }
    return render(request, "orders/shop/basket.html", content, status=status)
