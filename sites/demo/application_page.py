"""Pages that only a demonstration has: where the learning application begins, and the parts that pages are made of."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET

from licensing.classes import pupil_session, tickets
from licensing.classes.entry_check import EntryDecision, UnknownPerson
from web.access import public_page


@public_page
@require_GET
@never_cache
def start_of_application(request: HttpRequest) -> HttpResponse:
    """Spend the ticket, and show who arrived; without a valid one, that one comes here from the portal.

    « Quitter » ends a pupil's session, here as on the page of their class; « Retour » leads back to it.
    """
    content = {"entry": _check_ticket(request.GET.get("ticket", "")), "pupil": pupil_session.get_pupil(request)}
    return render(request, "demo/application.html", content)


@sensitive_variables("secret")
def _check_ticket(secret: str) -> EntryDecision | None:
    now = timezone.now()
    try:
        return tickets.spend(secret=secret, at=now).check_entry(now)
    except (tickets.UnknownTicket, tickets.TicketExpired, UnknownPerson):
        return None
