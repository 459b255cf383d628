"""« Accéder à l'application »: from the portal to the learning application, with a ticket; or why not, and what to do.

A link leads here and never a form: under `form-action 'self'` the browser stops a form that ends at another host. For
the same reason whoever signs in on the way is shown a page with the link again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET

from licensing.classes import pupil_session, tickets
from licensing.classes.entry import UnknownPerson
from web.access import public_page

if TYPE_CHECKING:
    from licensing.classes.entry import Entry

#: In the address to which signing in leads back.
SIGNED_IN = "connexion"


@public_page
@require_GET
@never_cache
@sensitive_variables("address")
def application(request: HttpRequest) -> HttpResponse:
    """Send whoever may enter to the application; ask visitors who they are."""
    person, entry = _asked(request)
    if person is None or entry is None:
        back = urlencode({"next": f"{reverse('application')}?{SIGNED_IN}"})
        return render(request, "classes/application_door.html", {"sign_in": f"{reverse('account_login')}?{back}"})
    if not entry.allowed:
        if person.kind == "pupil":
            # His page says it in words for a child.
            return redirect("classes:pupil_class")
        return render(request, "classes/application_closed.html", {"entry": entry})
    if SIGNED_IN in request.GET:
        return render(request, "classes/application_ready.html")
    address = tickets.address(tickets.make(whose=person, at=timezone.now()))
    # The ticket is for the application alone: whatever page comes after it learns of no address here.
    return HttpResponseRedirect(address, headers={"Referrer-Policy": "no-referrer"})


def _asked(request: HttpRequest) -> tuple[tickets.Person | None, Entry | None]:
    """Return who is there, grown-up or pupil, and whether he may enter; nobody where nobody is."""
    if request.user.is_authenticated:
        person = tickets.Person("teacher", request.user.pk)
    elif (pupil := pupil_session.of(request)) is not None:
        person = tickets.Person("pupil", pupil.pk)
    else:
        return None, None
    try:
        return person, person.may_enter(timezone.now())
    except UnknownPerson:
        # Removed at this very moment.
        return None, None
