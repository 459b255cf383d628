"""« Mes e-mails »: which letters come to a member of the office, each with its switch."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

from django.contrib import messages
from django.db import transaction
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from collectivities.access import office
from collectivities.letters import find_wanted
from collectivities.models import Letter, Role
from collectivities.operations.letters import choose_letters
from core.french import collectivity_forms
from core.tenant_connection import connection
from licensing.requests import operations as requests
from licensing.requests.queries import find_muted

if TYPE_CHECKING:
    import datetime

    from django.http import HttpResponse

    from collectivities.access import OfficeHttpRequest
    from collectivities.models import Member
    from tenants.models import Collectivity

#: Name of the field; value of the letter about schools' requests, whose switch is that of the page « Demandes ».
FIELD, REQUESTS = "lettres", "requests"
_DETAILS = {
    Letter.WEEKLY: (
        "Le premier jour ouvré de la semaine, à 8\xa0h, quand quelque chose attend un geste de votre part. Ce "
        "qu'elle a dit ne la fait revenir qu'après quatre semaines."
    ),
    Letter.FAILURE: (
        "Dans les minutes qui suivent, une fois par envoi, quand dix e-mails au moins, et un sur cinq, n'arrivent pas."
    ),
    Letter.RENEWAL: (
        "Au début d'avril, de juin et d'août, tant que la reconduction des licences n'est ni commandée ni écartée. "
        "Aux acheteurs, et aux gestionnaires là où il n'y a pas d'acheteur."
    ),
}
_REQUESTS_LABEL = "Demandes des écoles"
_REQUESTS_DETAILS = "Quand une école demande des licences, une fois par jour au plus."


class OfferedLetter(NamedTuple):
    """A letter that the member may get, with its switch."""

    value: str
    label: str
    details: str
    is_wanted: bool


@office()
@require_http_methods(["GET", "POST"])
def my_letters(request: OfficeHttpRequest) -> HttpResponse:
    """Show the letters that the member may get, and store which they want."""
    if request.method == "POST":
        _store(request.member, set(request.POST.getlist(FIELD)), timezone.now())
        messages.success(request, "votre choix est enregistré.")
        return redirect("my_letters")
    name = cast("Collectivity", connection.tenant).name
    context = {
        "field": FIELD,
        "letters": _list_offered(request.member),
        "office": collectivity_forms(name).of_the,
    }
    return render(request, "office/my_letters.html", context)


def _list_offered(member: Member) -> list[OfferedLetter]:
    letters = [
        OfferedLetter(letter.value, str(letter.label), _DETAILS[letter], is_wanted)
        for letter, is_wanted in find_wanted(member).items()
    ]
    if Role.MANAGER in member.roles:
        is_wanted = not find_muted([member.user], cast("Collectivity", connection.tenant))
        letters.append(OfferedLetter(REQUESTS, _REQUESTS_LABEL, _REQUESTS_DETAILS, is_wanted))
    return letters


@transaction.atomic
def _store(member: Member, chosen: set[str], at: datetime.datetime) -> None:
    choose_letters(member=member, wanted={letter: letter in chosen for letter in find_wanted(member)}, at=at)
    if Role.MANAGER in member.roles:
        office = cast("Collectivity", connection.tenant)
        requests.set_letters(user=member.user, collectivity=office, wanted=REQUESTS in chosen, at=at)
