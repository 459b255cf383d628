"""« Je n'ai pas reçu ma clé »: resend the unredeemed keys of a school to their original recipients.

Public. The answer and the work in the request are the same for every school, so that they reveal neither whether a key
exists nor its recipient.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts import throttling
from accounts.addresses import client_address
from accounts.throttling import Limit, Throttled
from licensing.pools import operations
from pages.school_fields import SchoolSearch, asked_to_search
from web.access import public_page

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

# High enough for a school's staff behind one IP address, low enough to stop enumeration of the directory.
FROM_AN_ADDRESS = Limit("lost-key/address", 10, datetime.timedelta(hours=1))


@public_page
@require_http_methods(["GET", "POST"])
def lost_key(request: HttpRequest) -> HttpResponse:
    """Ask for the school, then queue the resending of its unredeemed keys."""
    if request.method == "GET":
        return _render_page(request, SchoolSearch(), sent="envoyee" in request.GET)
    if asked_to_search(request.POST):
        return _render_page(request, SchoolSearch(initial=request.POST.dict()))
    form = SchoolSearch(request.POST)
    if not form.is_valid() or form.school is None:
        return _render_page(request, form, status=422)
    try:
        throttling.count([(FROM_AN_ADDRESS, throttling.network(client_address(request)))], at=timezone.now())
    except Throttled as refusal:
        form.add_error("school_query", str(refusal))
        response = _render_page(request, form, status=429)
        response["Retry-After"] = str(refusal.retry_after)
        return response
    operations.ask_again(uai=form.school.pk)
    return redirect(reverse("lost_key", query={"envoyee": "1"}))


def _render_page(request: HttpRequest, form: SchoolSearch, *, status: int = 200, sent: bool = False) -> HttpResponse:
    return render(request, "pages/lost_key.html", {"form": form, "sent": sent}, status=status)
