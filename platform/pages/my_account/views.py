"""The page itself: one address, whose content follows the profile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.http import HttpResponseNotModified
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.forms import PersonForm
from accounts.models import Profile, User
from accounts.queries import state_of
from licensing.subscriptions import freshness, overview
from pages.my_account import direction_offers
from pages.school_fields import SchoolFields
from web.access import signed_in

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

#: Which school a principal who leads several is looking at, kept in his session.
SCHOOL = "school"


@signed_in
def my_account(request: HttpRequest) -> HttpResponse:
    """Everything a principal or a teacher has; agents of collectivities work in their office."""
    if "etablissement" in request.GET:
        request.session[SCHOOL] = request.GET["etablissement"]
        return redirect("my_account")
    return page(request)


def page(request: HttpRequest, *, status: int = 200, **changed: Any) -> HttpResponse:
    """Return the whole page, with the forms or the refusal of whoever calls."""
    user = cast("User", request.user)
    content: dict[str, Any] = {
        "person_form": PersonForm(instance=user),
        "account": state_of(user),
        "school_form": SchoolFields(initial={"country": "France"}),
        **licences(request),
        **changed,
    }
    content["likely_schools"] = direction_offers.likely_schools(content)
    return render(request, "pages/my_account.html", content, status=status)


def licences(request: HttpRequest) -> dict[str, Any]:
    """Return what the part of the page about licences shows, the one that htmx replaces."""
    user = cast("User", request.user)
    now = timezone.now()
    if user.profile == Profile.PRINCIPAL:
        # Read before what it stands for: what happens in between is then seen at the next look.
        seen = version(request)
        shown = overview.of_principal(user, at=now, school=request.session.get(SCHOOL, ""))
        return {
            "version": seen,
            "overview": shown,
            "direction": direction_offers.direction(user, shown, at=now),
        }
    if user.profile == Profile.TEACHER:
        return {
            "version": version(request),
            "licences": overview.of_teacher(user, at=now),
            "affiliation": user.affiliations.select_related("school").first(),
        }
    return {}


def version(request: HttpRequest) -> str:
    """Return what changes when the part about licences does: in one query, asked by every page that is looked at."""
    user = cast("User", request.user)
    return freshness.version(user, school=request.session.get(SCHOOL, ""), at=timezone.now())


@signed_in
@require_safe
def licences_now(request: HttpRequest) -> HttpResponse:
    """Return the part about licences as it stands, or that it is still the one which the page shows."""
    if request.headers.get("If-None-Match") == f'"{version(request)}"':
        return HttpResponseNotModified()
    return render(request, "pages/_licences.html", licences(request))
