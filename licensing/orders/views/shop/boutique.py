"""« Boutique » (1/3), open to visitors: five tiers, the one for so many classes, what it comes to; « Commander »."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

from django.contrib import messages
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import Profile
from licensing.catalogue.operations import day_in_france
from licensing.exceptions import Refused
from licensing.orders import operations, shopping
from licensing.orders.exceptions import NotABuyer
from web.access import public_page, signed_in

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from accounts.models import User
    from schools.models import Affiliation

_WHOLE = re.compile(r"[0-9]{1,6}")


def whole(text: str) -> int | None:
    """Return the number of classes that was typed; None where it is none."""
    tidy = "".join(text.split())
    return int(tidy) if _WHOLE.fullmatch(tidy) else None


@public_page
@require_safe
def boutique(request: HttpRequest) -> HttpResponse:
    """Show the tiers; `?classes=3`: which of them holds so many, and what it comes to. With htmx, that part alone."""
    part = bool(request.htmx)  # type: ignore[attr-defined]
    return render(request, "orders/shop/_tiers.html" if part else "orders/shop/boutique.html", _content(request))


def _content(request: HttpRequest) -> dict[str, Any]:
    day = day_in_france(timezone.now())
    offers = shopping.offers(day)
    typed = request.GET.get("classes", "")[:12]
    content: dict[str, Any] = {"offers": offers, "typed": typed, "year": offers[0].tier.school_year if offers else None}
    if not (typed.strip() and offers):
        return content
    classes = whole(typed) or 0
    try:
        chosen, priced = shopping.price(offers, classes)
    except Refused as refusal:
        return content | {"refusal": refusal}
    return content | {"classes": classes, "priced": priced, "chosen": chosen, **_buyer(request, classes)}


def _buyer(request: HttpRequest, classes: int) -> dict[str, Any]:
    """Return who would order, and for which school: it is asked of whoever leads several."""
    user = request.user
    if not user.is_authenticated:
        return {}
    return {
        "affiliations": list(user.affiliations.select_related("school").order_by("since", "pk")),
        "agent": user.profile == Profile.AGENT,
        # A teacher buys for himself: one class.
        "too_many": user.profile == Profile.TEACHER and classes > 1,
    }


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def begin(request: HttpRequest) -> HttpResponse:
    """Prepare the order and lead to it; whoever has just signed in comes back to what he had chosen."""
    user = cast("User", request.user)
    if request.method != "POST":
        return _back(request.GET.get("classes", ""))
    typed = request.POST.get("classes", "")
    try:
        affiliation = _affiliation(user, request.POST.get("etablissement", ""))
        order = operations.draft_for_school(
            classes=whole(typed) or 0, affiliation=affiliation, by=user, at=timezone.now()
        )
    except Refused as refusal:
        messages.error(request, refusal.sentence)
        return _back(typed)
    return redirect("shop_order", pk=order.pk)


def _back(typed: str) -> HttpResponse:
    return redirect(f"{reverse('shop')}?{urlencode({'classes': typed[:12]})}")


def _affiliation(user: User, chosen: str) -> Affiliation | None:
    """Return the school that the order is for: the only one, or the one chosen; a teacher buys for himself."""
    if user.profile != Profile.PRINCIPAL:
        return None
    affiliations = list(user.affiliations.select_related("school"))
    if len(affiliations) == 1:
        return affiliations[0]
    found = next((one for one in affiliations if str(one.pk) == chosen), None)
    if found is None:
        raise NotABuyer(
            "Choisissez l'établissement pour lequel vous commandez."
            if affiliations
            else "Choisissez d'abord votre établissement dans « Mon compte » : les licences lui seront rattachées."
        )
    return found
