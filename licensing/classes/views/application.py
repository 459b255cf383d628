"""« Accéder à l'application »: redirect to the learning application with a ticket, or explain why not.

Reached by a link, never a form: under `form-action 'self'` browsers block a form that redirects to another host. For
the same reason a user who had to sign in first is shown a page with the link again.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET

from licensing.classes import pupil_session, tickets
from licensing.classes.entry_check import EntryDecision, UnknownPerson
from web.access import public_page

#: Query parameter of the URL to which signing in redirects.
SIGNED_IN_PARAM = "connexion"


@public_page
@require_GET
@never_cache
@sensitive_variables("address")
def enter_application(request: HttpRequest) -> HttpResponse:
    """Redirect to the application where the person may enter; ask visitors to sign in."""
    person, entry = _check_visitor(request)
    if person is None or entry is None:
        back = urlencode({"next": f"{reverse('application')}?{SIGNED_IN_PARAM}"})
        return render(request, "classes/application_sign_in.html", {"sign_in": f"{reverse('account_login')}?{back}"})
    if not entry.allowed:
        if person.kind == "pupil":
            # The pupil's page explains it in words for a child.
            return redirect("classes:pupil_class")
        return render(request, "classes/application_closed.html", {"entry": entry})
    if SIGNED_IN_PARAM in request.GET:
        return render(request, "classes/application_ready.html")
    address = tickets.build_url(tickets.create(person=person, at=timezone.now()))
    # Keep the ticket out of the referrer that the application's pages send.
    return HttpResponseRedirect(address, headers={"Referrer-Policy": "no-referrer"})


def _check_visitor(request: HttpRequest) -> tuple[tickets.ApplicationUser | None, EntryDecision | None]:
    """Return the signed-in teacher or pupil and whether they may enter; (None, None) for a visitor."""
    if request.user.is_authenticated:
        person = tickets.ApplicationUser("teacher", request.user.pk)
    elif (pupil := pupil_session.get_pupil(request)) is not None:
        person = tickets.ApplicationUser("pupil", pupil.pk)
    else:
        return None, None
    try:
        return person, person.check_entry(timezone.now())
    except UnknownPerson:
        # Removed since the session was read.
        return None, None
