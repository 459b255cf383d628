"""The doors of the operator's visits, at the office's host: a link opens one, a button on every page closes it."""

from __future__ import annotations

from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_POST

from collectivities import office_visits
from collectivities.exceptions import VisitRefused
from web.access import public_page


@public_page
@never_cache
@sensitive_variables("token")
@require_GET
def enter(request: HttpRequest, token: str) -> HttpResponse:
    """Open a visit by its link, and leave the link's address at once."""
    try:
        office_visits.open_visit(request, token, at=timezone.now())
    except VisitRefused as refusal:
        return render(request, "collectivities/office_visit_gone.html", {"refusal": str(refusal)}, status=410)
    return redirect("home")


@public_page
@never_cache
@require_POST
def close(request: HttpRequest) -> HttpResponse:
    """End the visit; a session that is no visit stays."""
    if office_visits.is_visit(request):
        logout(request)
    return redirect("office_visit_closed")


@public_page
@never_cache
@require_GET
def closed(request: HttpRequest) -> HttpResponse:
    """Say that the visit is over, and lead back to the back office."""
    return render(request, "collectivities/office_visit_closed.html")
