"""Where the learning application begins, in a demonstration: it does with the ticket what the application would."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET

from licensing.classes import tickets
from licensing.classes.entry_check import UnknownPerson
from web.access import public_page

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from licensing.classes.entry_check import EntryDecision


@public_page
@require_GET
@never_cache
@sensitive_variables("secret")
def start_of_application(request: HttpRequest) -> HttpResponse:
    """Spend the ticket, and show who arrived; without a valid one, that one comes here from the portal."""
    secret = request.GET.get("ticket", "")
    return render(request, "demo/application.html", {"entry": _check_ticket(secret)})


@sensitive_variables("secret")
def _check_ticket(secret: str) -> EntryDecision | None:
    now = timezone.now()
    try:
        return tickets.spend(secret=secret, at=now).check_entry(now)
    except (tickets.UnknownTicket, tickets.TicketExpired, UnknownPerson):
        return None
