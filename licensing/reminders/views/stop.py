"""The off switch of a letter, on the portal: a GET asks, a POST stops. Whoever has the link may, without an account."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods
from django_tenants.utils import tenant_context

from licensing.pools.emails import get_giver
from licensing.pools.models import Allocation
from licensing.pools.stop_links import read_stop_token
from licensing.reminders import operations
from licensing.reminders.models import ReminderStop
from licensing.reminders.wording import describe_school
from tenants.models import Collectivity
from web.access import public_page

#: Values of the field `choice`: about this key, about all of this collectivity, and to be reminded again.
THIS_KEY, WHOLE_SCHOOL, RESUME = "key", "school", "resume"
#: The body of a mail program's click (RFC 8058).
_ONE_CLICK_FIELD, _ONE_CLICK = "List-Unsubscribe", "One-Click"


# A mail program posts without a cookie; the link itself is what allows it.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("token")
@public_page
def stop(request: HttpRequest, token: str) -> HttpResponse:
    """Ask whether the reminders shall stop; stop them, or take that back."""
    link = read_stop_token(token)
    collectivity = None if link is None else Collectivity.objects.filter(schema_name=link.schema).first()
    if link is None or collectivity is None:
        return render(request, "reminders/stop_unknown.html", status=410)
    with tenant_context(collectivity):
        found = Allocation.objects.select_related("school", "pool").prefetch_related("pool__entitlement__collectivity")
        allocation = found.filter(pk=link.allocation_id).first()
        if allocation is None:
            return render(request, "reminders/stop_unknown.html", status=410)
        done = ""
        if request.method == "POST":
            done = _act(request, allocation.pk)
            if request.POST.get(_ONE_CLICK_FIELD) == _ONE_CLICK:
                return HttpResponse(status=200)
        stops = ReminderStop.objects.filter(school_id=allocation.school_id)
        context = {
            "giver": get_giver(allocation),
            "school": describe_school(allocation.school.name),
            "done": done,
            "stopped_key": stops.filter(allocation=allocation).exists(),
            "stopped_school": stops.filter(allocation=None).exists(),
        }
    return render(request, "reminders/stop.html", context)


def _act(request: HttpRequest, allocation_id: int) -> str:
    """Do what the form, or the mail program, asks for; return it, empty where it is nothing that we know."""
    choice = request.POST.get("choice", "")
    if request.POST.get(_ONE_CLICK_FIELD) == _ONE_CLICK:
        choice = THIS_KEY
    now = timezone.now()
    if choice in (THIS_KEY, WHOLE_SCHOOL):
        operations.stop(allocation_id=allocation_id, whole_school=choice == WHOLE_SCHOOL, at=now)
    elif choice == RESUME:
        operations.resume(allocation_id=allocation_id, at=now)
    else:
        return ""
    return choice
