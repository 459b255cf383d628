"""New accounts and new passwords: shown once, on the page that answers, and printed from what that page hands back.

Nothing of it is stored, in the session neither: whoever leaves the page without printing asks for new passwords.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from licensing.classes import cards, operations, overview, words
from licensing.classes.forms import NewPupilsForm
from licensing.classes.models import MOST_PUPILS
from licensing.classes.views.teaching import STALE, class_page, taught, teacher
from licensing.exceptions import Refused
from web.access import signed_in
from web.typography import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest, HttpResponse

    from licensing.classes.models import Classroom, PupilAccount
    from licensing.classes.operations import Credential


class UnreadableCard(Refused):
    """A card that was handed back is none of this class, or its password none of ours."""

    code = "unreadable_card"


@signed_in
@require_POST
@never_cache
@sensitive_variables("credentials")
def add(request: HttpRequest, pk: int) -> HttpResponse:
    """Create accounts, and show their passwords."""
    classroom = taught(request, pk)
    view, pupils = overview.one_class(classroom, teacher(request), at=timezone.now())
    form = NewPupilsForm(request.POST)
    if not form.is_valid():
        return class_page(request, classroom, status=422, read=(view, pupils), new_form=form)
    if request.POST.get("etat") != overview.roster_state(pupils):
        return class_page(request, classroom, status=409, read=(view, pupils), refusal=STALE)
    try:
        credentials = operations.add_pupils(
            classroom_id=pk, count=form.cleaned_data["count"], by=teacher(request), at=timezone.now()
        )
    except Refused as refusal:
        return class_page(request, classroom, status=409, read=(view, pupils), refusal=refusal, new_form=form)
    return _shown(request, classroom, credentials, created=True)


@signed_in
@require_http_methods(["GET", "POST"])
@never_cache
@sensitive_variables("credentials")
def reset(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask whether to give a pupil, or all, a new password; then do it and show it."""
    classroom = taught(request, pk)
    view, pupils = overview.one_class(classroom, teacher(request), at=timezone.now())
    state = overview.roster_state(pupils)
    written = (request.POST if request.method == "POST" else request.GET).get("numero", "")
    chosen = [pupil for pupil in pupils if not written or str(pupil.number) == written]
    if request.method == "GET":
        content = {"classroom": view.classroom, "chosen": chosen, "number": written, "state": state}
        return render(request, "classes/reset.html", content)
    if request.POST.get("etat") != state:
        return class_page(request, classroom, status=409, read=(view, pupils), refusal=STALE)
    numbers = [pupil.number for pupil in chosen] if written else None
    try:
        credentials = operations.reset_passwords(
            classroom_id=pk, numbers=numbers, by=teacher(request), at=timezone.now()
        )
    except Refused as refusal:
        return class_page(request, classroom, status=409, read=(view, pupils), refusal=refusal)
    return _shown(request, classroom, credentials, created=False)


@sensitive_variables("credentials", "known", "content")
def _shown(
    request: HttpRequest, classroom: Classroom, credentials: Sequence[Credential], *, created: bool
) -> HttpResponse:
    """Show the passwords once, beside the logins of the whole class."""
    view, pupils = overview.one_class(classroom, teacher(request), at=timezone.now())
    known = {credential.number: credential.password for credential in credentials}
    told = plural(len(credentials), "compte créé", "comptes créés")
    if not created:
        told = plural(len(credentials), "nouveau mot de passe", "nouveaux mots de passe")
    content = {
        "classroom": view.classroom,
        "told": told,
        "credentials": credentials,
        "rows": [(pupil, known.get(pupil.number, "")) for pupil in pupils],
    }
    return _kept_nowhere(render(request, "classes/credentials.html", content))


@signed_in
@require_GET
@never_cache
def sheet(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the sheet that says who is who, to be filled in and kept by the teacher's browser alone."""
    view, pupils = overview.one_class(taught(request, pk), teacher(request), at=timezone.now())
    content = {"classroom": view.classroom, "rows": [(pupil, "") for pupil in pupils]}
    return _kept_nowhere(render(request, "classes/sheet.html", content))


@signed_in
@require_POST
@sensitive_post_parameters("carte")
@sensitive_variables("read", "document")
def printed(request: HttpRequest, pk: int) -> HttpResponse:
    """Return the cards, or the list to complete by hand, of the logins and passwords that the page hands back."""
    classroom = taught(request, pk)
    view, pupils = overview.one_class(classroom, teacher(request), at=timezone.now())
    try:
        read = _cards(view.classroom, pupils, request.POST.getlist("carte"))
    except UnreadableCard as refusal:
        return class_page(request, classroom, status=422, read=(view, pupils), refusal=refusal)
    listed = request.POST.get("document") == "liste"
    make = cards.by_hand if listed else cards.cards
    document = make(class_name=view.classroom.name, pupils=read, at=timezone.localtime())
    return document.answer(f"{'liste' if listed else 'cartes'}-{view.classroom.code}.pdf")


@sensitive_variables("written", "password", "login", "line", "read")
def _cards(classroom: Classroom, pupils: Sequence[PupilAccount], written: Sequence[str]) -> list[cards.Card]:
    """Return the cards that are written as « login password », in order of number."""
    numbers = {pupil.word: pupil.number for pupil in pupils}
    if not written or len(written) > MOST_PUPILS:
        raise UnreadableCard("Il n'y a aucune carte à imprimer : créez des comptes, ou de nouveaux mots de passe.")
    read = {}
    for line in written:
        login, _, password = line.partition(" ")
        found = words.read_login(login)
        if found is None or found[1] != classroom.code or found[0] not in numbers or not words.is_password(password):
            raise UnreadableCard(
                "Une des cartes n'est pas de cette classe, ou son mot de passe ne se lit pas : rien n'a été imprimé. "
                "Rouvrez la feuille d'origine, ou donnez de nouveaux mots de passe."
            )
        number = numbers[found[0]]
        read[number] = cards.Card(number, f"{found[0]}-{found[1]}", password)
    return [read[number] for number in sorted(read)]


def _kept_nowhere(response: HttpResponse) -> HttpResponse:
    """Let no cache keep the page, that of the browser's « back » neither, nor any address leave with it."""
    response["Cache-Control"] = "no-store"
    return response
