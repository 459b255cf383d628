"""The search that forms ask while a person types: in the portal's sign-up, and in an office."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from schools.queries import search
from web.access import public_page

if TYPE_CHECKING:
    from django_htmx.middleware import HtmxDetails

#: As many as a person reads; who sees none of his types one word more.
MOST = 20
_FEWEST_CHARACTERS = 2

#: What tells one school from another, and nothing that reaches anybody in it.
_SHOWN = ("uai", "name", "type", "address", "postal_code", "commune", "state")


class HtmxRequest(HttpRequest):
    """A request that the htmx middleware has seen."""

    htmx: HtmxDetails


def answer_search(request: HttpRequest) -> HttpResponse:
    """Answer `?q=` with the first twenty schools: radio buttons for htmx, JSON for a script.

    The radio buttons are called `school`, or what `?field=` says, and hold the UAI.
    """
    text = request.GET.get("q", "").strip()
    found = list(search(text).values(*_SHOWN)[: MOST + 1]) if len(text) >= _FEWEST_CHARACTERS else []
    answer = {"query": text, "results": found[:MOST], "more": len(found) > MOST}
    if not cast("HtmxRequest", request).htmx:
        return JsonResponse(answer)
    context = {**answer, "field": request.GET.get("field", "school"), "enough": len(text) >= _FEWEST_CHARACTERS}
    return render(request, "schools/_found.html", context)


@public_page
@require_safe
def school_search(request: HttpRequest) -> HttpResponse:
    """Search the directory, open to whoever signs up."""
    return answer_search(request)
