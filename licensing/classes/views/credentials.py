"""Create accounts, reset passwords; show passwords once, and print those that the page posts back.

Passwords are not stored, not even in the session: a teacher who leaves the page without printing has to reset them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.requests import AuthenticatedRequest
from accounts.throttling import limit_downloads
from core.formatting import pluralize
from licensing.classes import operations, overview, pupil_cards, words
from licensing.classes.device_names import derive_name_keys
from licensing.classes.forms import NewPupilsForm
from licensing.classes.models import MAX_PUPILS, Classroom, PupilAccount
from licensing.classes.operations import Credential
from licensing.classes.views.class_page import STALE_PAGE, get_taught_class_or_404, render_class_page
from licensing.exceptions import LicensingError
from web.access import signed_in


class UnreadableCard(LicensingError):
    """A posted card is not of this class, or its password is malformed."""

    code = "unreadable_card"


@signed_in
@require_POST
@never_cache
@sensitive_variables("credentials")
def add(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Create accounts and show their passwords."""
    classroom = get_taught_class_or_404(request, pk)
    view, pupils = overview.get_class(classroom, request.user, at=timezone.now())
    form = NewPupilsForm(request.POST)
    if not form.is_valid():
        return render_class_page(request, classroom, status=422, loaded=(view, pupils), new_form=form)
    if request.POST.get("etat") != overview.compute_roster_version(pupils):
        return render_class_page(request, classroom, status=409, loaded=(view, pupils), refusal=STALE_PAGE)
    try:
        credentials = operations.add_pupils(
            classroom_id=pk, count=form.cleaned_data["count"], by=request.user, at=timezone.now()
        )
    except LicensingError as refusal:
        return render_class_page(request, classroom, status=409, loaded=(view, pupils), refusal=refusal, new_form=form)
    return show_credentials(request, classroom, credentials, created=True)


@signed_in
@require_http_methods(["GET", "POST"])
@never_cache
@sensitive_variables("credentials")
def reset(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Ask to confirm resetting the password of one or all pupils; then reset and show it."""
    classroom = get_taught_class_or_404(request, pk)
    view, pupils = overview.get_class(classroom, request.user, at=timezone.now())
    state = overview.compute_roster_version(pupils)
    number = (request.POST if request.method == "POST" else request.GET).get("numero", "")
    chosen = [pupil for pupil in pupils if not number or str(pupil.number) == number]
    if request.method == "GET":
        content = {
            "classroom": view.classroom,
            "chosen": chosen,
            "number": number,
            "name_keys": derive_name_keys(pk),
            "state": state,
        }
        return render(request, "classes/reset.html", content)
    if request.POST.get("etat") != state:
        return render_class_page(request, classroom, status=409, loaded=(view, pupils), refusal=STALE_PAGE)
    numbers = [pupil.number for pupil in chosen] if number else None
    try:
        credentials = operations.reset_passwords(classroom_id=pk, numbers=numbers, by=request.user, at=timezone.now())
    except LicensingError as refusal:
        return render_class_page(request, classroom, status=409, loaded=(view, pupils), refusal=refusal)
    return show_credentials(request, classroom, credentials, created=False)


@sensitive_variables("credentials", "known", "content")
def show_credentials(
    request: AuthenticatedRequest, classroom: Classroom, credentials: Sequence[Credential], *, created: bool
) -> HttpResponse:
    """Show the new passwords once, among the logins of the class."""
    view, pupils = overview.get_class(classroom, request.user, at=timezone.now())
    known = {credential.number: credential.password for credential in credentials}
    summary = pluralize(len(credentials), "compte créé", "comptes créés")
    if not created:
        summary = pluralize(len(credentials), "nouveau mot de passe", "nouveaux mots de passe")
    # The only one who is concerned comes first, and the others apart.
    others = [pupil for pupil in pupils if pupil.number not in known] if len(credentials) == 1 else []
    rows = [(pupil, known.get(pupil.number, "")) for pupil in pupils if pupil not in others]
    content = {
        "summary": summary,
        "credentials": credentials,
        "others": others,
        "cards_file": pupil_cards.build_cards_file_name(view.classroom, [card.login for card in credentials]),
        **_describe_sheet(view.classroom, rows),
    }
    return _set_no_store(render(request, "classes/credentials.html", content))


@signed_in
@require_GET
@never_cache
def sheet(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Show the sheet of first names, which the teacher fills in in the browser only."""
    view, pupils = overview.get_class(get_taught_class_or_404(request, pk), request.user, at=timezone.now())
    content = _describe_sheet(view.classroom, [(pupil, "") for pupil in pupils])
    return _set_no_store(render(request, "classes/sheet.html", content))


@sensitive_variables("rows")
def _describe_sheet(classroom: Classroom, rows: Sequence[tuple[PupilAccount, str]]) -> dict[str, Any]:
    """Return the variables of the sheet; `rows` are pupils with their passwords, empty where not known."""
    return {
        "classroom": classroom,
        "rows": rows,
        "name_keys": derive_name_keys(classroom.pk),
        "file_stem": pupil_cards.build_file_stem(classroom),
    }


@signed_in
@require_POST
@sensitive_post_parameters("carte")
@sensitive_variables("parsed_cards", "document")
@limit_downloads
def print_cards(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Return the PDF of the cards, or of the list, for the credentials that the page posts back.

    Or the page on which the browser adds the first names that it keeps, and prints the cards itself.
    """
    classroom = get_taught_class_or_404(request, pk)
    view, pupils = overview.get_class(classroom, request.user, at=timezone.now())
    try:
        parsed_cards = _parse_cards(pupils, request.POST.getlist("carte"))
    except UnreadableCard as refusal:
        return render_class_page(request, classroom, status=422, loaded=(view, pupils), refusal=refusal)
    if request.POST.get("document") == "prenoms":
        return _show_cards(request, view.classroom, parsed_cards, pupils)
    if request.POST.get("document") == "liste":
        render_pdf, name = pupil_cards.render_roster, f"liste-{pupil_cards.build_file_stem(view.classroom)}.pdf"
    else:
        render_pdf = pupil_cards.render_cards
        name = pupil_cards.build_cards_file_name(view.classroom, [card.login for card in parsed_cards])
    document = render_pdf(class_name=view.classroom.name, pupils=parsed_cards, at=timezone.localtime())
    return document.answer(name)


@sensitive_variables("cards", "content")
def _show_cards(
    request: AuthenticatedRequest,
    classroom: Classroom,
    cards: Sequence[pupil_cards.PupilCard],
    pupils: Sequence[PupilAccount],
) -> HttpResponse:
    by_number = {pupil.number: pupil for pupil in pupils}
    content = {
        "classroom": classroom,
        "cards": [(card, by_number[card.number]) for card in cards],
        "name_keys": derive_name_keys(classroom.pk),
        "address": pupil_cards.build_printed_address(),
    }
    return _set_no_store(render(request, "classes/cards.html", content))


@sensitive_variables("lines", "password", "typed", "login", "line", "parsed_cards")
def _parse_cards(pupils: Sequence[PupilAccount], lines: Sequence[str]) -> list[pupil_cards.PupilCard]:
    """Parse cards posted as « login password »; return them by number. Raises `UnreadableCard`."""
    numbers = {pupil.login: pupil.number for pupil in pupils}
    if not lines or len(lines) > MAX_PUPILS:
        raise UnreadableCard("Il n’y a aucune carte à imprimer : créez des comptes, ou de nouveaux mots de passe.")
    parsed_cards = {}
    for line in lines:
        login, _, typed = line.partition(" ")
        parsed, password = words.parse_login(login), words.parse_password(typed)
        if parsed is None or "-".join(parsed) not in numbers or password is None:
            raise UnreadableCard(
                "Une des cartes n’est pas de cette classe, ou son mot de passe ne se lit pas : rien n’a été imprimé. "
                "Rouvrez la feuille d’origine, ou donnez de nouveaux mots de passe."
            )
        number = numbers["-".join(parsed)]
        parsed_cards[number] = pupil_cards.PupilCard(number, "-".join(parsed), password)
    return [parsed_cards[number] for number in sorted(parsed_cards)]


def _set_no_store(response: HttpResponse) -> HttpResponse:
    """Forbid all caches, including the browser's back-forward cache, to store the page."""
    response["Cache-Control"] = "no-store"
    return response
