"""The page « Mon compte », whose content depends on the user's profile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpResponseNotModified
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.forms import PersonForm
from accounts.models import Profile
from accounts.queries import get_account_state
from licensing.entitlements import overview, page_version
from sites.portal.my_account import verification_offers
from sites.portal.school_fields import SchoolFields
from web.access import signed_in

if TYPE_CHECKING:
    from django.http import HttpResponse

    from accounts.requests import AuthenticatedRequest

#: Session key of the school displayed to a principal of several.
SCHOOL_SESSION_KEY = "school"


@signed_in
def my_account(request: AuthenticatedRequest) -> HttpResponse:
    """Show « Mon compte », or select the displayed school."""
    if "etablissement" in request.GET:
        request.session[SCHOOL_SESSION_KEY] = request.GET["etablissement"]
        return redirect("my_account")
    return render_page(request)


def render_page(request: AuthenticatedRequest, *, status: int = 200, **changed: Any) -> HttpResponse:
    """Return the page; `changed` overrides its context, e.g. with a bound form or an error."""
    user = request.user
    content: dict[str, Any] = {
        "person_form": PersonForm(instance=user),
        "account": get_account_state(user),
        "school_form": SchoolFields(initial={"country": "France"}),
        **get_licences_context(request),
        **changed,
    }
    content["likely_schools"] = verification_offers.find_likely_schools(content)
    return render(request, "portal/my_account.html", content, status=status)


def get_licences_context(request: AuthenticatedRequest) -> dict[str, Any]:
    """Return the context of the licences fragment, which htmx replaces."""
    user = request.user
    now = timezone.now()
    if user.profile == Profile.PRINCIPAL:
        # Read before the data: a change in between is then detected at the next poll.
        current_version = get_version(request)
        principal_overview = overview.of_principal(user, at=now, school=request.session.get(SCHOOL_SESSION_KEY, ""))
        return {
            "version": current_version,
            "overview": principal_overview,
            "verification_offer": verification_offers.get_verification_offer(user, principal_overview, at=now),
        }
    if user.profile == Profile.TEACHER:
        return {
            "version": get_version(request),
            "licences": overview.of_teacher(user, at=now),
            "affiliation": user.affiliations.select_related("school").first(),
        }
    return {}


def get_version(request: AuthenticatedRequest) -> str:
    """Return the ETag of the licences fragment, in one query, as every open page polls it."""
    user = request.user
    return page_version.compute_version(user, school=request.session.get(SCHOOL_SESSION_KEY, ""), at=timezone.now())


@signed_in
@require_safe
def licences_fragment(request: AuthenticatedRequest) -> HttpResponse:
    """Return the current licences fragment, or 304 where it is unchanged."""
    if request.headers.get("If-None-Match") == f'"{get_version(request)}"':
        return HttpResponseNotModified()
    return render(request, "portal/_licences.html", get_licences_context(request))
