"""Pages that only a demonstration has: where the learning application begins, and the parts that pages are made of."""

from pathlib import Path

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.utils import get_app_template_dirs
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET

from licensing.classes import pupil_session, tickets
from licensing.classes.entry_check import EntryDecision, UnknownPerson
from web.access import public_page

# The page of components: each part that pages are made of, once, as it is written in a template.
#
# The browser tests walk it: what is wrong with a part is seen here before it is on forty pages.


class SampleForm(forms.Form):
    """A form with one field of each kind, wrong on purpose."""

    nom = forms.CharField(label="Nom", help_text="Celui que vos collègues connaissent.")
    profil = forms.ChoiceField(label="Profil", choices=[("", "Choisir"), ("direction", "Direction d’école")])
    message = forms.CharField(label="Message", widget=forms.Textarea({"rows": 3}))
    accord = forms.BooleanField(label="J’accepte les conditions générales de vente")


def list_drawings() -> list[str]:
    """Return the names of the drawings that the templates of all apps hold, animals left out."""
    folders = [Path(folder) / "web" / "drawings" for folder in get_app_template_dirs("templates")]
    return sorted(file.stem for folder in folders for file in folder.glob("*.svg"))


@public_page
def components(request: HttpRequest) -> HttpResponse:
    """Show every component, with its messages and a form whose errors are summed up."""
    messages.success(request, "La licence est donnée à Léa Martin.")
    form = SampleForm({"nom": "Camille"})
    form.full_clean()
    return render(request, "demo/components.html", {"form": form, "drawings": list_drawings()})


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
