"""« Je n'ai pas reçu ma clé »: anybody names a school, and the keys that wait for it are sent again where they went.

The same answer to everybody and the same work in the request, whatever the school: whether a key waits for it, from
whom and where it was sent is told by the e-mail alone, to those whom the collectivity chose.
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

# A school's staff share one address; whoever goes through the directory does too.
FROM_AN_ADDRESS = Limit("lost-key/address", 10, datetime.timedelta(hours=1))


@public_page
@require_http_methods(["GET", "POST"])
def lost_key(request: HttpRequest) -> HttpResponse:
    """Ask for the school, then have its waiting keys sent again."""
    if request.method == "GET":
        return _page(request, SchoolSearch(), sent="envoyee" in request.GET)
    if asked_to_search(request.POST):
        return _page(request, SchoolSearch(initial=request.POST.dict()))
    form = SchoolSearch(request.POST)
    if not form.is_valid() or form.school is None:
        return _page(request, form, status=422)
    try:
        throttling.count([(FROM_AN_ADDRESS, throttling.network(client_address(request)))], at=timezone.now())
    except Throttled as refusal:
        form.add_error("school_query", str(refusal))
        answer = _page(request, form, status=429)
        answer["Retry-After"] = str(refusal.retry_after)
        return answer
    operations.ask_again(uai=form.school.pk)
    return redirect(reverse("lost_key", query={"envoyee": "1"}))


def _page(request: HttpRequest, form: SchoolSearch, *, status: int = 200, sent: bool = False) -> HttpResponse:
    return render(request, "pages/lost_key.html", {"form": form, "sent": sent}, status=status)
