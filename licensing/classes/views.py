"""Views of a teacher's classes; each makes one operation call."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from accounts.requests import AuthenticatedRequest
from accounts.throttling import limit_downloads
from core.exceptions import DomainError, Refusal
from core.formatting import pluralize
from licensing.classes import operations, pupil_cards, pupil_erasure, pupils, queries, words
from licensing.classes.exceptions import ClassNotTaught
from licensing.classes.forms import ClassNameForm, ColleagueForm, NewPupilsForm, OpenClassForm
from licensing.classes.models import MAX_PUPILS, Classroom, PupilAccount
from licensing.classes.pupils import Credential, add_pupils, remove_pupil, reset_passwords
from licensing.classes.queries import ClassView, get_taught_class, list_pending_handovers
from licensing.entitlements.models import Seat
from web.access import signed_in
from web.page_actions import page_action

# Keys under which a teacher's browser keeps the first names of a class: names that the server never receives.
#
# The browser stores them encrypted. The key comes with the pages of the class, to its teachers only: who opens the
# browser of a shared computer later reads nothing without signing in as one of them (docs/decisions/0044).

_SALT = "licensing.classes.device_names"


@sensitive_variables()
def derive_name_keys(classroom_id: int) -> list[str]:
    """Return the AES-256 keys of a class in base64: the current one, then those of SECRET_KEY_FALLBACKS.

    The browser encrypts under the first, and still reads what it stored under the others.
    """
    return [_derive(classroom_id, secret) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]


@sensitive_variables()
def _derive(classroom_id: int, secret: str) -> str:
    mac = salted_hmac(_SALT, str(classroom_id), secret=secret, algorithm="sha256").digest()
    return base64.b64encode(mac).decode()


#: What a bigint holds.
_MAX_DIGITS = 19


def get_taught_class_or_404(request: AuthenticatedRequest, pk: int) -> Classroom:
    """Return the class. Raises `Http404` where the user does not teach it, even if it exists."""
    try:
        return get_taught_class(request.user, pk)
    except ClassNotTaught as refusal:
        raise Http404("Not a class of this teacher.") from refusal


def load_class(request: AuthenticatedRequest, pk: int) -> ClassView:
    """Return the class with its pupils. Raises `Http404` as `get_taught_class_or_404` does."""
    return queries.get_class(get_taught_class_or_404(request, pk), request.user, at=timezone.now())


@sensitive_variables("content")
def describe_class(view: ClassView, **content: Any) -> dict[str, Any]:
    """Return the variables of the pages about a class, with those of one of them."""
    classroom = view.classroom
    return {
        "view": view,
        "classroom": classroom,
        "pupils": view.pupils,
        "name_keys": derive_name_keys(classroom.pk),
        "state": view.state,
        **content,
    }


def check_current(request: AuthenticatedRequest, view: ClassView) -> None:
    """Raise `Refusal` where the class changed since the form was displayed: submitted twice, or from two tabs."""
    if request.POST.get("etat") != view.state:
        raise Refusal(
            "stale_page",
            "La classe a changé depuis que cette page s’est affichée : la demande a peut-être été envoyée deux fois. "
            "Rien n’a été fait cette fois-ci ; relisez la liste, puis recommencez s’il le faut.",
        )


def render_class_page(
    request: AuthenticatedRequest, view: ClassView, *, status: int = 200, **changed: Any
) -> HttpResponse:
    """Return the page of a class; `changed` overrides its context, e.g. with a bound form or an error."""
    now = timezone.now()
    content = {
        "new_form": NewPupilsForm(initial={"count": 1 if view.pupils else view.free_places}),
        "name_form": ClassNameForm(initial={"name": view.classroom.name}),
        "colleague_form": ColleagueForm(),
        "offer": operations.find_offer(view.classroom, request.user, at=now),
        "handovers": list_pending_handovers(view.classroom, now),
        **changed,
    }
    return render(request, "classes/detail.html", describe_class(view, **content), status=status)


def parse_numbers(values: Iterable[str]) -> set[int]:
    """Return the numbers among posted values; what is none is left out, as nobody ticked it."""
    return {int(value) for value in values if value.isascii() and value.isdigit() and len(value) < _MAX_DIGITS}


def redirect_to_class(classroom: Classroom) -> HttpResponse:
    """Redirect to the class."""
    return redirect("classes:detail", pk=classroom.pk)


class UnreadableCard(DomainError):
    """A posted card is not of this class, or its password is malformed."""

    code = "unreadable_card"


def _refuse(request: AuthenticatedRequest, refusal: DomainError, pk: int, **_: int) -> HttpResponse:
    status = 422 if isinstance(refusal, UnreadableCard) else 409
    return render_class_page(request, load_class(request, pk), status=status, refusal=refusal)


#: For acts on a class: what was done, or why it was not, is told on its page.
class_act = page_action("classes:detail", "pk", refused=_refuse)


@signed_in
@require_safe
def certificate_list(request: AuthenticatedRequest) -> HttpResponse:
    """List the certificates that the user may read."""
    readable = pupil_erasure.list_readable(request.user)
    return render(request, "classes/certificates.html", {"certificates": readable})


@signed_in
@require_safe
def certificate(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Show one certificate."""
    content = {
        "title": pupil_erasure.TITLE,
        "one": _get_certificate_or_404(request, pk),
        "statement": pupil_erasure.STATEMENT,
    }
    return render(request, "classes/certificate.html", content)


@signed_in
@require_safe
def certificate_print(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Return one certificate as a PDF."""
    return pupil_erasure.render_pdf(_get_certificate_or_404(request, pk))


def _get_certificate_or_404(request: AuthenticatedRequest, pk: int) -> pupil_erasure.ReadableCertificate:
    readable = pupil_erasure.list_readable(request.user, pk=pk)
    if not readable:
        raise Http404
    return readable[0]


# Create accounts, reset passwords; show passwords once, and print those that the page posts back.
#
# Passwords are not stored, not even in the session: a teacher who leaves the page without printing has to reset them.


@signed_in
@require_POST
@never_cache
@class_act
@sensitive_variables("credentials")
def add(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Create accounts and show their passwords."""
    view, form = load_class(request, pk), NewPupilsForm(request.POST)
    if not form.is_valid():
        return render_class_page(request, view, status=422, new_form=form)
    check_current(request, view)
    try:
        credentials = add_pupils(classroom_id=pk, count=form.cleaned_data["count"], by=request.user, at=timezone.now())
    except DomainError as refusal:
        return render_class_page(request, view, status=409, refusal=refusal, new_form=form)
    return show_credentials(request, pk, credentials, created=True)


@signed_in
@require_http_methods(["GET", "POST"])
@never_cache
@class_act
@sensitive_variables("credentials")
def reset(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Ask to confirm resetting the password of one or all pupils; then reset and show it."""
    view = load_class(request, pk)
    number = (request.POST if request.method == "POST" else request.GET).get("numero", "")
    chosen = [pupil for pupil in view.pupils if not number or str(pupil.number) == number]
    if request.method == "GET":
        return render(request, "classes/reset.html", describe_class(view, chosen=chosen, number=number))
    check_current(request, view)
    numbers = [pupil.number for pupil in chosen] if number else None
    credentials = reset_passwords(classroom_id=pk, numbers=numbers, by=request.user, at=timezone.now())
    return show_credentials(request, pk, credentials, created=False)


@sensitive_variables("credentials", "known", "content")
def show_credentials(
    request: AuthenticatedRequest, pk: int, credentials: Sequence[Credential], *, created: bool
) -> HttpResponse:
    """Show the new passwords once, among the logins of the class."""
    view = load_class(request, pk)
    known = {credential.number: credential.password for credential in credentials}
    summary = pluralize(len(credentials), "compte créé", "comptes créés")
    if not created:
        summary = pluralize(len(credentials), "nouveau mot de passe", "nouveaux mots de passe")
    # The only one who is concerned comes first, and the others apart.
    others = [pupil for pupil in view.pupils if pupil.number not in known] if len(credentials) == 1 else []
    rows = [(pupil, known.get(pupil.number, "")) for pupil in view.pupils if pupil not in others]
    content = {
        "summary": summary,
        "credentials": credentials,
        "others": others,
        "cards_file": pupil_cards.build_cards_file_name(view.classroom, [card.login for card in credentials]),
        "rows": rows,
        "file_stem": pupil_cards.build_file_stem(view.classroom),
    }
    return set_no_store(render(request, "classes/credentials.html", describe_class(view, **content)))


@signed_in
@require_GET
@never_cache
def sheet(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Show the sheet of first names, which the teacher fills in in the browser only."""
    view = load_class(request, pk)
    rows, file_stem = [(pupil, "") for pupil in view.pupils], pupil_cards.build_file_stem(view.classroom)
    return set_no_store(render(request, "classes/sheet.html", describe_class(view, rows=rows, file_stem=file_stem)))


@signed_in
@require_POST
@sensitive_post_parameters("carte")
@limit_downloads
@class_act
@sensitive_variables("parsed_cards", "document")
def print_cards(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Return the PDF of the cards, or of the list, for the credentials that the page posts back.

    Or the page on which the browser adds the first names that it keeps, and prints the cards itself.
    """
    view = load_class(request, pk)
    parsed_cards = _parse_cards(view.pupils, request.POST.getlist("carte"))
    if request.POST.get("document") == "prenoms":
        return _show_cards(request, view, parsed_cards)
    if request.POST.get("document") == "liste":
        render_pdf, name = pupil_cards.render_roster, f"liste-{pupil_cards.build_file_stem(view.classroom)}.pdf"
    else:
        render_pdf = pupil_cards.render_cards
        name = pupil_cards.build_cards_file_name(view.classroom, [card.login for card in parsed_cards])
    document = render_pdf(class_name=view.classroom.name, pupils=parsed_cards, at=timezone.localtime())
    return document.answer(name)


@sensitive_variables("cards", "content")
def _show_cards(request: AuthenticatedRequest, view: ClassView, cards: Sequence[pupil_cards.PupilCard]) -> HttpResponse:
    by_number = {pupil.number: pupil for pupil in view.pupils}
    content = {
        "cards": [(card, by_number[card.number]) for card in cards],
        "address": pupil_cards.build_printed_address(),
    }
    return set_no_store(render(request, "classes/cards.html", describe_class(view, **content)))


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


def set_no_store(response: HttpResponse) -> HttpResponse:
    """Forbid all caches, including the browser's back-forward cache, to store the page."""
    response["Cache-Control"] = "no-store"
    return response


@signed_in
@require_http_methods(["GET", "POST"])
@never_cache
@class_act
def remove(request: AuthenticatedRequest, pk: int, number: int) -> HttpResponse | str:
    """Ask for confirmation, then delete an account."""
    view = load_class(request, pk)
    if request.method == "POST":
        check_current(request, view)
        remove_pupil(classroom_id=pk, number=number, by=request.user, at=timezone.now())
        return f"le compte n° {number} est effacé. Sa place est libre."
    pupil = get_object_or_404(view.classroom.pupils, number=number)
    return render(request, "classes/remove.html", describe_class(view, pupil=pupil))


@signed_in
@require_POST
def invite(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Invite a second teacher; the answer is the same whether or not the username exists."""
    view, form = load_class(request, pk), ColleagueForm(request.POST)
    if not form.is_valid():
        return render_class_page(request, view, status=422, colleague_form=form)
    try:
        operations.request_invitation(
            classroom_id=pk, username=form.cleaned_data["username"], by=request.user, at=timezone.now()
        )
    except DomainError as refusal:
        return render_class_page(request, view, status=409, refusal=refusal, colleague_form=form)
    messages.success(
        request,
        "si cet identifiant est celui d’un enseignant, il reçoit votre invitation par e-mail et la trouve dans "
        "« Mes classes ». Il a une semaine pour l’accepter ; vous en serez informé.",
    )
    return redirect_to_class(view.classroom)


@signed_in
@require_POST
@class_act
def end_sharing(request: AuthenticatedRequest, pk: int) -> HttpResponse | str:
    """End the sharing, withdraw the invitation, or leave a colleague's class."""
    classroom = get_taught_class_or_404(request, pk)
    is_holder = classroom.seat.holder_id == request.user.pk
    operations.end_sharing(classroom_id=pk, by=request.user, at=timezone.now())
    if is_holder:
        return "vous ne partagez plus cette classe, et une invitation en attente ne vaut plus rien."
    messages.success(request, f"vous avez quitté la classe « {classroom.name} ». Votre collègue en est informé.")
    return redirect("classes:list")


@signed_in
@require_POST
@page_action("classes:list")
def accept(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Accept a colleague's invitation."""
    classroom = operations.accept(classroom_id=pk, by=request.user, at=timezone.now())
    messages.success(request, f"vous partagez désormais la classe « {classroom.name} ».")
    return redirect_to_class(classroom)


@signed_in
@require_POST
@page_action("classes:list")
def decline(request: AuthenticatedRequest, pk: int) -> str:
    """Decline a colleague's invitation."""
    operations.decline(classroom_id=pk, by=request.user, at=timezone.now())
    return "l’invitation est écartée."


@signed_in
@require_GET
@never_cache
def my_classes(request: AuthenticatedRequest) -> HttpResponse:
    """List the user's classes, and the seats for which none is open."""
    now = timezone.now()
    views = queries.list_classes(request.user, at=now)
    seats = queries.list_seats_without_class(request.user, at=now)
    offers = operations.list_offers(request.user, at=now, seats=seats)
    offered = operations.list_offered_seats(offers)
    content = {
        "current": [view for view in views if not view.is_over],
        "past": [view for view in views if view.is_over],
        "invitations": queries.list_invitations(request.user, now),
        "seats": [seat for seat in seats if seat.pk not in offered],
        "offers": offers,
    }
    return render(request, "classes/list.html", content)


@signed_in
@require_http_methods(["GET", "POST"])
@never_cache
def open_class(request: AuthenticatedRequest, seat: int) -> HttpResponse:
    """Open the class of a seat that the user holds, with its pupils' accounts where a number of them is given.

    Redirect to the class where it is already open.
    """
    held = get_object_or_404(
        Seat.objects.select_related("subscription__school", "subscription__key__entitlement__product"),
        pk=seat,
        holder=request.user,
    )
    existing = Classroom.objects.filter(seat=held).first()
    if existing is not None:
        return redirect_to_class(existing)
    form = OpenClassForm(request.POST if request.method == "POST" else None)
    refusal = None
    if form.is_valid():
        try:
            classroom = operations.open_class(
                seat_id=held.pk, by=request.user, name=form.cleaned_data["name"], at=timezone.now()
            )
        except DomainError as error:
            refusal = error
        else:
            return _fill_new_class(request, classroom, form.cleaned_data["count"])
    status = 409 if refusal else 422 if form.errors else 200
    return render(request, "classes/open.html", {"seat": held, "form": form, "refusal": refusal}, status=status)


def _fill_new_class(request: AuthenticatedRequest, classroom: Classroom, count: int | None) -> HttpResponse:
    """Create the accounts and show their passwords; without a number, show the class."""
    if count and not classroom.pupils.exists():
        try:
            credentials = pupils.add_pupils(classroom_id=classroom.pk, count=count, by=request.user, at=timezone.now())
        except DomainError as refusal:
            messages.error(request, refusal.sentence)
            return redirect_to_class(classroom)
        return show_credentials(request, classroom.pk, credentials, created=True)
    messages.success(request, f"la classe « {classroom.name} » est ouverte. Créez maintenant ses comptes élèves.")
    return redirect_to_class(classroom)


@signed_in
@require_GET
@never_cache
def detail(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Show a class, its pupils and the available actions."""
    return render_class_page(request, load_class(request, pk))


@signed_in
@require_POST
@class_act
def mark_tries_read(request: AuthenticatedRequest, pk: int) -> str:
    """Remove the notice that many passwords were tried."""
    operations.mark_tries_read(classroom_id=pk, by=request.user, at=timezone.now())
    return "l’avertissement est retiré ; un autre viendra si l’on essaie encore."


@signed_in
@require_POST
@class_act
def rename(request: AuthenticatedRequest, pk: int) -> HttpResponse | str:
    """Rename the class."""
    form = ClassNameForm(request.POST)
    view = load_class(request, pk)
    if not form.is_valid():
        return render_class_page(request, view, status=422, name_form=form)
    operations.rename(classroom_id=pk, by=request.user, name=form.cleaned_data["name"], at=timezone.now())
    return "le nouveau nom est enregistré."
