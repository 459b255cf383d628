"""« Je n'ai pas reçu ma clé »: resend the unredeemed keys of a school to their original recipients.

Public. The answer and the work in the request are the same for every school, so that they reveal neither whether a
key exists nor its recipient.
"""

from __future__ import annotations

import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts import throttling
from accounts.known_origins import get_client_ip
from accounts.throttling import RateLimit, RateLimitExceeded
from licensing.pools import key_emails
from sites.portal.school_fields import SchoolSearch, is_search
from web.access import public_page

# High enough for a school's staff behind one IP address, low enough to stop enumeration of the directory.
LOST_KEY_LIMIT = RateLimit("lost-key/address", 10, datetime.timedelta(hours=1))


@public_page
@require_http_methods(["GET", "POST"])
def lost_key(request: HttpRequest) -> HttpResponse:
    """Ask for the school, then queue the resending of its unredeemed keys."""
    if request.method == "GET":
        return _render_page(request, SchoolSearch(), sent="envoyee" in request.GET)
    if is_search(request.POST):
        return _render_page(request, SchoolSearch(initial=request.POST.dict()))
    form = SchoolSearch(request.POST)
    if not form.is_valid() or form.school is None:
        return _render_page(request, form, status=422)
    try:
        throttling.count_attempts([(LOST_KEY_LIMIT, throttling.get_network(get_client_ip(request)))], at=timezone.now())
    except RateLimitExceeded as refusal:
        form.add_error("school_query", str(refusal))
        response = _render_page(request, form, status=429)
        response["Retry-After"] = str(refusal.retry_after)
        return response
    key_emails.request_resend(uai=form.school.pk)
    return redirect(reverse("lost_key", query={"envoyee": "1"}))


def _render_page(request: HttpRequest, form: SchoolSearch, *, status: int = 200, sent: bool = False) -> HttpResponse:
    return render(request, "portal/lost_key.html", {"form": form, "sent": sent}, status=status)
