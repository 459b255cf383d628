"""The school search as the user types, for the portal's sign-up and the offices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from schools.queries import search
from web.access import public_page

if TYPE_CHECKING:
    from web.requests import HtmxRequest

#: Maximum number of results; beyond, users refine the search.
MAX_RESULTS = 20
_MIN_LENGTH = 2

#: Identifying fields only: no e-mail address nor telephone number.
_FIELDS = ("uai", "name", "type", "address", "postal_code", "commune", "state")


def render_school_search(request: HtmxRequest) -> HttpResponse:
    """Return the first twenty matches of `?q=`: radio buttons for htmx, JSON otherwise.

    The radio buttons are named after `?field=`, by default `school`; their value is the UAI.
    """
    text = request.GET.get("q", "").strip()
    found = list(search(text).values(*_FIELDS)[: MAX_RESULTS + 1]) if len(text) >= _MIN_LENGTH else []
    results = {"query": text, "results": found[:MAX_RESULTS], "more": len(found) > MAX_RESULTS}
    if not request.htmx:
        return JsonResponse(results)
    context = {**results, "field": request.GET.get("field", "school"), "enough": len(text) >= _MIN_LENGTH}
    return render(request, "schools/_found.html", context)


@public_page
@require_safe
def school_search(request: HtmxRequest) -> HttpResponse:
    """Search the directory, without sign-in."""
    return render_school_search(request)
