"""The page « Mon compte », whose content depends on the user's profile."""

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

#: Session key of the school displayed to a principal of several.
SCHOOL = "school"


@signed_in
def my_account(request: HttpRequest) -> HttpResponse:
    """Show « Mon compte », or select the displayed school."""
    if "etablissement" in request.GET:
        request.session[SCHOOL] = request.GET["etablissement"]
        return redirect("my_account")
    return page(request)


def page(request: HttpRequest, *, status: int = 200, **changed: Any) -> HttpResponse:
    """Return the page; `changed` overrides its context, e.g. with a bound form or an error."""
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
    """Return the context of the licences fragment, which htmx replaces."""
    user = cast("User", request.user)
    now = timezone.now()
    if user.profile == Profile.PRINCIPAL:
        # Read before the data: a change in between is then detected at the next poll.
        current_version = version(request)
        principal_overview = overview.of_principal(user, at=now, school=request.session.get(SCHOOL, ""))
        return {
            "version": current_version,
            "overview": principal_overview,
            "direction": direction_offers.direction(user, principal_overview, at=now),
        }
    if user.profile == Profile.TEACHER:
        return {
            "version": version(request),
            "licences": overview.of_teacher(user, at=now),
            "affiliation": user.affiliations.select_related("school").first(),
        }
    return {}


def version(request: HttpRequest) -> str:
    """Return the ETag of the licences fragment, in one query, as every open page polls it."""
    user = cast("User", request.user)
    return freshness.version(user, school=request.session.get(SCHOOL, ""), at=timezone.now())


@signed_in
@require_safe
def licences_now(request: HttpRequest) -> HttpResponse:
    """Return the current licences fragment, or 304 where it is unchanged."""
    if request.headers.get("If-None-Match") == f'"{version(request)}"':
        return HttpResponseNotModified()
    return render(request, "pages/_licences.html", licences(request))
