"""« Ouvrir un bureau »: the portal's form to request an office."""

from __future__ import annotations

import datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from accounts import throttling
from accounts.known_origins import get_client_ip
from collectivities.exceptions import CollectivityError
from collectivities.forms import OfficeRequestForm
from collectivities.operations import office_requests as operations
from web.access import public_page

#: Against robots: each request sends two e-mails.
PER_NETWORK = throttling.RateLimit("office/network", tries=10, window=datetime.timedelta(hours=1))
PER_EMAIL = throttling.RateLimit("office/email", tries=3, window=datetime.timedelta(days=1))


@public_page
@require_http_methods(["GET", "POST"])
def submit(request: HttpRequest) -> HttpResponse:
    """Submit a request for an office. Does not reveal whether the collectivity already has one."""
    form = OfficeRequestForm(request.POST or None)
    status = 200
    if request.method == "POST" and form.is_valid():
        now = timezone.now()
        try:
            throttling.count_attempts(
                [
                    (PER_NETWORK, throttling.get_network(get_client_ip(request))),
                    (PER_EMAIL, form.cleaned_data["email"].lower()),
                ],
                at=now,
            )
            operations.request_office(**form.cleaned_data, at=now)
        except throttling.RateLimitExceeded as refusal:
            form.add_error(None, str(refusal))
            status = 429
        except CollectivityError as refusal:
            form.add_error(None, str(refusal))
        else:
            sent = form.cleaned_data
            messages.success(
                request,
                f"Demande de bureau pour « {sent['name']} », SIREN {sent['siren']}, envoyée à l'équipe de Pep's.",
            )
            return redirect("office_request_sent")
    return render(request, "collectivities/office_request.html", {"form": form}, status=status)


@public_page
@require_GET
def submitted(request: HttpRequest) -> HttpResponse:
    """Confirm the request."""
    return render(request, "collectivities/office_request_sent.html")
