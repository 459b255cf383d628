"""« Boutique » (1/3), open to visitors: the price tiers, the price of a number of classes, « Commander »."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import Profile, User
from accounts.requests import AuthenticatedRequest, HtmxRequest
from core import formatting
from core.calendar import date_in_paris
from licensing.catalogue.models import SchoolYear, Seller
from licensing.catalogue.operations import get_product_summary
from licensing.entitlements import overview
from licensing.exceptions import LicensingError
from licensing.orders import operations
from licensing.orders import queries as order_offers
from licensing.orders.exceptions import NotABuyer
from licensing.orders.templatetags.shop import affiliation_label
from schools.models import Affiliation
from web.access import public_page, signed_in
from web.frame import PendingPage, forget_pending_page, get_pending_page, keep_pending_page

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
    return render(
        request,
        "portal/shop/storefront.html",
        context | {"summary": get_product_summary(), "seller": Seller.objects.first()},
    )


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
    except LicensingError as refusal:
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
    except LicensingError as refusal:
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
    """Return the principal's only or chosen affiliation; None for others. Raises `NotABuyer` if none is chosen."""
    if user.profile != Profile.PRINCIPAL:
        return None
    affiliations = list(user.affiliations.select_related("school"))
    if len(affiliations) == 1:
        return affiliations[0]
    affiliation = next((one for one in affiliations if str(one.pk) == chosen), None)
    if affiliation is None:
        raise NotABuyer(
            "Choisissez l'établissement pour lequel vous commandez."
            if affiliations
            else "Choisissez d'abord votre établissement dans « Mon compte » : les licences lui seront rattachées."
        )
    return affiliation
