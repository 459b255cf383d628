"""« Ouvrir un bureau »: the portal's form to request an office."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from accounts import throttling
from collectivities import operations
from collectivities.exceptions import Refused
from collectivities.forms import OfficeRequestForm
from web.access import public_page

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

#: Against robots: each request sends two e-mails.
PER_NETWORK = throttling.Limit("bureau.network", tries=10, window=datetime.timedelta(hours=1))
PER_EMAIL = throttling.Limit("bureau.email", tries=3, window=datetime.timedelta(days=1))


@public_page
@require_http_methods(["GET", "POST"])
def ask(request: HttpRequest) -> HttpResponse:
    """Submit a request for an office. Does not reveal whether the collectivity already has one."""
    form = OfficeRequestForm(request.POST or None)
    status = 200
    if request.method == "POST" and form.is_valid():
        now = timezone.now()
        try:
            throttling.count(
                [
                    (PER_NETWORK, throttling.network(request.META["REMOTE_ADDR"])),
                    (PER_EMAIL, form.cleaned_data["email"].lower()),
                ],
                at=now,
            )
            operations.ask_for_office(**form.cleaned_data, at=now)
        except throttling.Throttled as refusal:
            form.add_error(None, str(refusal))
            status = 429
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect("office_request_sent")
    return render(request, "collectivities/request.html", {"form": form}, status=status)


@public_page
@require_GET
def sent(request: HttpRequest) -> HttpResponse:
    """Confirm the request."""
    return render(request, "collectivities/request_sent.html")
