"""« Boutique » (1/3), open to visitors: the price tiers, the price of a number of classes, « Commander »."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib import messages
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import Profile
from core.calendar import date_in_paris
from licensing.exceptions import LicensingError
from licensing.orders import offers as order_offers
from licensing.orders import operations
from licensing.orders.exceptions import NotABuyer
from web.access import public_page, signed_in

if TYPE_CHECKING:
    from django.http import HttpResponse

    from accounts.models import User
    from accounts.requests import AuthenticatedRequest
    from schools.models import Affiliation
    from web.requests import HtmxRequest

_DIGITS = re.compile(r"[0-9]{1,6}")


def parse_number(text: str) -> int | None:
    """Return the number in `text`, of classes or of a year; None if it is none."""
    digits = "".join(text.split())
    return int(digits) if _DIGITS.fullmatch(digits) else None


@public_page
@require_safe
def storefront(request: HtmxRequest) -> HttpResponse:
    """Show the tiers and, with `?classes=3`, the matching tier and its price; to htmx, that fragment only."""
    fragment = bool(request.htmx)
    return render(
        request, "portal/shop/_tiers.html" if fragment else "portal/shop/storefront.html", _shop_context(request)
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
    }
    if not (typed.strip() and offers):
        return context
    classes = parse_number(typed) or 0
    try:
        chosen, priced = order_offers.find_offer(offers, classes)
    except LicensingError as refusal:
        return context | {"refusal": refusal}
    cheapest = order_offers.find_cheapest_orders(offers, classes)
    context |= {"cheapest": cheapest, "cheaper": cheapest is not None and cheapest.total < priced.amounts.ttc}
    return context | {"classes": classes, "priced": priced, "chosen": chosen, **_buyer_context(request, classes)}


def _buyer_context(request: HtmxRequest, classes: int) -> dict[str, Any]:
    """Return the buyer's part of the context: their schools, and whether they may order that many."""
    user = request.user
    if not user.is_authenticated:
        return {}
    return {
        "affiliations": list(user.affiliations.select_related("school").order_by("since", "pk")),
        "agent": user.profile == Profile.AGENT,
        # A teacher buys for their own class only.
        "too_many": user.profile == Profile.TEACHER and classes > 1,
    }


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def start_order(request: AuthenticatedRequest) -> HttpResponse:
    """Draft the order and redirect to it; after signing in (GET), return to the chosen number of classes."""
    user = request.user
    if request.method != "POST":
        return _redirect_to_shop(request.GET.get("classes", ""), request.GET.get("annee", ""))
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
        return _redirect_to_shop(typed, year)
    return redirect("shop_order", pk=order.pk)


def _redirect_to_shop(typed: str, year: str) -> HttpResponse:
    query = {"classes": typed[:12]} | ({"annee": year[:6]} if year else {})
    return redirect(f"{reverse('shop')}?{urlencode(query)}")


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
