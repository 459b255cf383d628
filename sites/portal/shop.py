"""The portal's shop, up to the order: « Boutique », open to visitors, then « Commande en cours »."""

import re
from dataclasses import asdict
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import Profile, User
from accounts.requests import AuthenticatedRequest, HtmxRequest
from core import formatting
from core.calendar import date_in_paris
from core.exceptions import DomainError, Refusal
from licensing.catalogue import terms
from licensing.catalogue.models import SchoolYear, Seller
from licensing.catalogue.operations import get_product_summary
from licensing.entitlements import overview
from licensing.orders import billing_details, operations, payers
from licensing.orders import queries as order_offers
from licensing.orders.exceptions import BadBilling
from licensing.orders.models import Order, OrderKind, OrderState
from licensing.orders.operations import compute_basket_fingerprint
from licensing.orders.settlement import SettlementMethod
from licensing.orders.templatetags.shop import affiliation_label, beneficiary_label
from licensing.payments import card, card_providers
from schools.models import Affiliation
from sites.portal.shop_forms import PROPOSE, CheckoutForm
from web.access import public_page, signed_in
from web.frame import PendingPage, forget_pending_page, get_pending_page, keep_pending_page
from web.page_actions import page_action

_DIGITS = re.compile(r"[0-9]{1,6}")


def parse_number(text: str) -> int | None:
    """Return the number in `text`, of classes or of a year; None if it is none."""
    digits = "".join(text.split())
    return int(digits) if _DIGITS.fullmatch(digits) else None


@public_page
@require_safe
def storefront(request: HtmxRequest) -> HttpResponse:
    """Show the tiers and, with `?classes=3`, the matching tier and its price; to htmx, that fragment only."""
    context = _shop_context(request)
    if request.htmx:
        return render(request, "portal/shop/_tiers.html", context)
    context |= {"summary": get_product_summary(), "seller": Seller.objects.first(), "methods": list(SettlementMethod)}
    return render(request, "portal/shop/storefront.html", context)


def _shop_context(request: HtmxRequest) -> dict[str, Any]:
    day = date_in_paris(timezone.now())
    years = order_offers.list_years_to_order(day)
    year = order_offers.choose_year(years, request.GET.get("annee", ""))
    offers = order_offers.list_offers(year)
    typed = request.GET.get("classes", "")[:12]
    context: dict[str, Any] = {
        "offers": offers,
        "typed": typed,
        "years": years,
        "year": year,
        # Kept by the links of the page.
        "year_query": f"&annee={year.ends_on.year}" if year is not None and len(years) > 1 else "",
        # While a number is typed the keyboard stays where it is.
        "goes_on": not request.htmx,
        **_buyer_context(request, year),
    }
    if not (typed.strip() and offers):
        return context
    classes = parse_number(typed) or 0
    try:
        chosen, priced = order_offers.find_offer(offers, classes)
    except DomainError as refusal:
        return context | {"refusal": refusal}
    cheapest = order_offers.find_cheapest_orders(offers, classes)
    return context | {
        "cheapest": cheapest,
        "cheaper": cheapest is not None and cheapest.total < priced.amounts.ttc,
        "classes": classes,
        "priced": priced,
        "chosen": chosen,
        # A teacher buys for their own class only.
        "too_many": context.get("teacher") and classes > 1,
    }


def _buyer_context(request: HtmxRequest, year: SchoolYear | None) -> dict[str, Any]:
    """Return the buyer's part of the context: what they are, their schools, and the licences that these hold."""
    user = request.user
    if not user.is_authenticated:
        return {}
    affiliations = list(user.affiliations.select_related("school").order_by("since", "pk"))
    principal = user.profile == Profile.PRINCIPAL
    return {
        "affiliations": affiliations,
        "agent": user.profile == Profile.AGENT,
        "teacher": user.profile == Profile.TEACHER,
        "holds_licences": principal
        and year is not None
        and overview.has_licences(user, ends_on=year.ends_on, at=timezone.now()),
        "free_licences": _describe_free_licences(user, affiliations, year) if principal and year is not None else "",
    }


def _describe_free_licences(user: User, affiliations: list[Affiliation], year: SchoolYear) -> str:
    """Return how many licences of the year a principal has not given, by school; empty if there are none."""
    free = overview.count_free_licences(user, ends_on=year.ends_on, at=timezone.now())
    several = len(affiliations) > 1
    counts = [
        formatting.pluralize(free[one.school_id], "licence libre", "licences libres")
        + (f" pour {affiliation_label(one)}" if several else "")
        for one in affiliations
        if free.get(one.school_id)
    ]
    return f"Vous avez déjà {formatting.join_words(counts)}." if counts else ""


@public_page
@require_POST
@never_cache
def keep_choice(request: HttpRequest) -> HttpResponse:
    """Have a visitor who presses « Commander » sign in, or create an account, and come back to their choice."""
    typed, year = request.POST.get("classes", ""), request.POST.get("annee", "")
    address = _get_shop_address(typed, year)
    classes = parse_number(typed)
    if request.user.is_authenticated or not classes:
        return redirect(address)
    pending = get_pending_page(request)
    # A key that is kept is not given up for a look at the prices.
    if pending is None or pending.path.startswith(reverse("shop")):
        sentence = f"Votre choix est gardé : {formatting.pluralize(classes, 'classe')}."
        keep_pending_page(request, PendingPage(address, sentence))
    return redirect_to_login(address)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def start_order(request: AuthenticatedRequest) -> HttpResponse:
    """Draft the order and redirect to it; after signing in (GET), return to the chosen number of classes."""
    user = request.user
    if request.method != "POST":
        return redirect(_get_shop_address(request.GET.get("classes", ""), request.GET.get("annee", "")))
    typed, year = request.POST.get("classes", ""), request.POST.get("annee", "")
    try:
        affiliation = _find_affiliation(user, request.POST.get("etablissement", ""))
        order = operations.create_school_draft(
            classes=parse_number(typed) or 0,
            affiliation=affiliation,
            by=user,
            at=timezone.now(),
            ends_in=parse_number(year),
        )
    except DomainError as refusal:
        messages.error(request, refusal.sentence)
        return redirect(_get_shop_address(typed, year))
    pending = get_pending_page(request)
    if pending is not None and pending.path.startswith(reverse("shop")):
        forget_pending_page(request)
    return redirect("shop_order", pk=order.pk)


def _get_shop_address(typed: str, year: str) -> str:
    """Return the address of a choice in the shop, at its price and its next step."""
    query = {"classes": typed[:12]} | ({"annee": year[:6]} if year else {})
    return f"{reverse('shop')}?{urlencode(query)}#commander"


def _find_affiliation(user: User, chosen: str) -> Affiliation | None:
    """Return the principal's only or chosen affiliation; None for others. Raises `Refusal` if none is chosen."""
    if user.profile != Profile.PRINCIPAL:
        return None
    affiliations = list(user.affiliations.select_related("school"))
    if len(affiliations) == 1:
        return affiliations[0]
    affiliation = next((one for one in affiliations if str(one.pk) == chosen), None)
    if affiliation is None:
        raise Refusal(
            "not_a_buyer",
            "Choisissez l'établissement pour lequel vous commandez."
            if affiliations
            else "Choisissez d'abord votre établissement dans « Mon compte » : les licences lui seront rattachées.",
        )
    return affiliation


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
    order = get_object_or_404(Order, pk=pk, kind=OrderKind.SHOP, placed_by=request.user)
    if order.state != OrderState.DRAFT:
        return redirect("orders_detail", pk=pk)
    if request.method != "POST":
        return _render(request, order, _prefilled_form(order))
    button = request.POST.get("faire")
    form = CheckoutForm(
        request.POST, order=order, initial={}, cards=card_providers.is_available(), for_quote=button == _QUOTE
    )
    if button in (PROPOSE, _TOTAL):
        proposed = button == PROPOSE
        shown = _build_form(order, form.propose_details() if proposed else form.typed)
        return _render(request, order, shown, proposed=proposed, keeps_name=form.keeps_name)
    if form.is_valid():
        try:
            return _submit(request, order, form)
        except BadBilling as refusal:
            form.add_refusal(refusal)
        except DomainError as refusal:
            return _render(request, order, form, status=409, refusal=refusal)
    return _render(request, order, form, status=422)


def _submit(request: AuthenticatedRequest, order: Order, form: CheckoutForm) -> HttpResponse:
    """Create a quote, place the order or start the card payment."""
    arguments: dict[str, Any] = {
        "order_id": order.pk,
        "billing": form.billing,
        "by": request.user,
        "at": timezone.now(),
    }
    if form.for_quote:
        operations.issue_quote(**arguments)
        return redirect("orders_quote", pk=order.pk)
    arguments |= {"terms_version": form.cleaned_data["terms_version"], "basket": request.POST.get("panier", "")}
    method = SettlementMethod(form.cleaned_data["method"])
    if method.rules.has_purchase_order:
        placed = operations.place(**arguments, method=method)
        messages.success(request, f"Votre commande est enregistrée. {_describe_next_step(placed)}")
        return redirect("orders_detail", pk=order.pk)
    return redirect(card.pay_draft(**arguments).get_process_url())


def _describe_next_step(order: Order) -> str:
    """Return what to do with the purchase order: whoever pays signs it."""
    if payers.is_paid_by_buyer(order):
        return "Reste à signer le bon de commande, puis à le déposer ici."
    return f"Reste à faire signer le bon de commande par « {order.bill_name} », qui paie, puis à le déposer ici."


@signed_in
@require_POST
@page_action("orders_detail", "pk")
def discard(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Discard a draft order."""
    order = get_object_or_404(Order, pk=pk, kind=OrderKind.SHOP, placed_by=request.user)
    operations.discard_draft(order_id=order.pk, by=request.user, at=timezone.now())
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
    refusal: DomainError | None = None,
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
        "ways_to_settle": ", ou ".join(method.by for method in SettlementMethod),
        "basket_fingerprint": compute_basket_fingerprint(order, line),
        "refusal": refusal,
        "proposed": proposed,
        "keeps_name": keeps_name,
        "needs_review": operations.needs_review(order),
        "terms_address": terms.get_terms_url(terms.CURRENT),
        "back_query": f"&annee={line.school_year.ends_on.year}" if several_years else "",
    }
    return render(request, "portal/shop/checkout.html", context, status=status)
