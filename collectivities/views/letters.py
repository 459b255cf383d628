"""The off switch of a letter, on the office's host: a GET asks, a POST turns off. Whoever has the link may."""

from __future__ import annotations

from typing import cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from collectivities.letter_links import read_token
from collectivities.letters import find_wanted
from collectivities.models import Member
from collectivities.operations.letters import choose_letters
from core.connections import connection
from core.formatting import collectivity_forms
from tenants.models import Collectivity
from web.access import public_page

#: Values of the field `choice`.
STOP, RESUME = "stop", "resume"
#: The body of a mail program's click (RFC 8058).
_ONE_CLICK_FIELD, _ONE_CLICK = "List-Unsubscribe", "One-Click"


# A mail program posts without a cookie; the link itself is what allows it.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("token")
@public_page
def stop(request: HttpRequest, token: str) -> HttpResponse:
    """Ask whether the letter shall no longer come; turn it off, or on again."""
    link = read_token(token)
    member = None if link is None else Member.objects.active().filter(pk=link.member_id).first()
    if link is None or member is None or link.letter not in find_wanted(member):
        return render(request, "collectivities/letter_stop_unknown.html", status=410)
    done = ""
    if request.method == "POST":
        one_click = request.POST.get(_ONE_CLICK_FIELD) == _ONE_CLICK
        choice = STOP if one_click else request.POST.get("choice", "")
        if choice in (STOP, RESUME):
            choose_letters(member=member, wanted={link.letter: choice == RESUME}, at=timezone.now())
            done = choice
        if one_click:
            return HttpResponse(status=200)
    office = cast("Collectivity", connection.tenant)
    context = {
        "letter": link.letter,
        "office": collectivity_forms(office.name).of_the,
        "done": done,
        "is_wanted": find_wanted(member)[link.letter],
    }
    return render(request, "collectivities/letter_stop.html", context)
