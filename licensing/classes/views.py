"""Views of a teacher's classes; each makes one operation call."""

import base64
from collections.abc import Collection, Iterable, Sequence
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

from accounts.known_origins import get_client_ip
from accounts.requests import AuthenticatedRequest
from accounts.throttling import limit_downloads
from core.exceptions import DomainError, Refusal
from core.formatting import pluralize
from licensing.classes import handovers, operations, pupil_cards, pupil_erasure, pupils, queries, words
from licensing.classes.exceptions import ClassNotTaught, TooManyHandoverCodes
from licensing.classes.forms import ClassNameForm, ColleagueForm, NewPupilsForm, OpenClassForm
from licensing.classes.models import MAX_PUPILS, Classroom, HandoverOutcome, PupilAccount, PupilHandover
from licensing.classes.operations import CarriedClass, CarryOffer
from licensing.classes.pupils import Credential, add_pupils, remove_pupil, reset_passwords
from licensing.classes.queries import ClassView, get_taught_class, list_pending_handovers
from licensing.entitlements.models import Seat
from licensing.entitlements.wording import format_long_date
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


@sensitive_variables("credentials", "known", "rows", "content")
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


# Pupils go on: to a colleague of the school by a code, or with their class to the next year.


@signed_in
@require_http_methods(["GET", "POST"])
@never_cache
@class_act
def carry_on(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Show which pupils come along, under which name and on which licence; then carry the class on."""
    view = load_class(request, pk)
    classroom = view.classroom
    offer = operations.find_offer(classroom, request.user, at=timezone.now())
    if request.method == "GET":
        if offer is None or offer.opens_on is not None:
            # The page of the class says from when, or nothing.
            return redirect_to_class(classroom)
        ticked = {pupil.number for pupil in view.pupils}
        return _render_offer(request, view, offer, ticked, form=ClassNameForm(initial={"name": classroom.name}))
    numbers = parse_numbers(request.POST.getlist("eleve"))
    seat_id = next(iter(parse_numbers(request.POST.getlist("licence"))), 0)
    form = ClassNameForm(request.POST)
    # A second click finds the class on its seat, and is answered as the first.
    is_done = classroom.seat_id == seat_id
    if offer is not None and not form.is_valid():
        return _render_offer(request, view, offer, numbers, form=form, status=422)
    if not is_done:
        check_current(request, view)
    try:
        carried = operations.carry_on(
            classroom_id=classroom.pk,
            seat_id=seat_id,
            numbers=numbers,
            name=form.data.get("name", ""),
            by=request.user,
            at=timezone.now(),
        )
    except DomainError as refusal:
        if offer is None or offer.opens_on is not None:
            raise
        return _render_offer(request, view, offer, numbers, form=form, refusal=refusal, status=409)
    messages.success(request, _describe_carried(carried))
    return redirect_to_class(carried.classroom)


def _describe_carried(carried: CarriedClass) -> str:
    sentence = (
        f"la classe « {carried.classroom.name} » est dans l’année nouvelle, avec {pluralize(carried.pupils, 'élève')}. "
        "Les cartes servent comme avant."
    )
    if not carried.left:
        return sentence
    stay = "reste" if carried.left == 1 else "restent"
    return (
        f"{sentence} {pluralize(carried.left, 'élève')} {stay} parmi vos classes des années passées, jusqu’à "
        "l’effacement."
    )


def _render_offer(
    request: AuthenticatedRequest,
    view: ClassView,
    offer: CarryOffer,
    ticked: Collection[int],
    *,
    status: int = 200,
    **changed: Any,
) -> HttpResponse:
    content = {
        "offer": offer,
        "rows": [(pupil, pupil.number in ticked) for pupil in view.pupils],
        "chosen_seat": request.POST.get("licence", ""),
        **changed,
    }
    return render(request, "classes/carry_on.html", describe_class(view, **content), status=status)


#: Of what is typed: a code with much around it.
_MAX_TYPED = 100
#: Query of « Tout cocher ».
_TICK, _ALL = "cocher", "tous"


@signed_in
@require_http_methods(["GET", "POST"])
@never_cache
@class_act
def hand_over(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Choose the pupils to hand over; then make the code, and show it."""
    view = load_class(request, pk)
    if request.method == "GET":
        every = request.GET.get(_TICK) == _ALL
        ticked = {pupil.number for pupil in view.pupils if pupil.handover_id is None} if every else set()
        return _render_choice(request, view, ticked)
    numbers = parse_numbers(request.POST.getlist("eleve"))
    check_current(request, view)
    try:
        handover = handovers.prepare_handover(classroom_id=pk, numbers=numbers, by=request.user, at=timezone.now())
    except DomainError as refusal:
        return _render_choice(request, view, numbers, refusal=refusal, status=409)
    return redirect("classes:handover", pk=pk, handover=handover.pk)


def _render_choice(
    request: AuthenticatedRequest, view: ClassView, ticked: Collection[int], *, status: int = 200, **changed: Any
) -> HttpResponse:
    content = {
        "rows": [(pupil, pupil.number in ticked) for pupil in view.pupils],
        "tick_all": "" if ticked else f"?{_TICK}={_ALL}",
        "days": handovers.VALID_DAYS,
        **changed,
    }
    return render(request, "classes/hand_over.html", describe_class(view, **content), status=status)


@signed_in
@require_GET
@never_cache
@sensitive_variables("content")
def handover(request: AuthenticatedRequest, pk: int, handover: int) -> HttpResponse:
    """Show a pending code and its pupils; of one that ended, lead to the class and say what became of it."""
    classroom = get_taught_class_or_404(request, pk)
    pending = get_object_or_404(classroom.handovers, pk=handover)
    if not _is_pending(pending):
        return _tell_end(request, classroom, pending)
    content = {
        "classroom": classroom,
        "handover": pending,
        "code": handovers.unseal_code(pending),
        "pupils": pending.pupils.order_by("number"),
        "name_keys": derive_name_keys(classroom.pk),
    }
    return set_no_store(render(request, "classes/handover.html", content))


@signed_in
@require_safe
@limit_downloads
def print_handover(request: AuthenticatedRequest, pk: int, handover: int) -> HttpResponse:
    """Return the sheet with the code and the pupils' numbers as a PDF; no name is on it."""
    classroom = get_taught_class_or_404(request, pk)
    pending = get_object_or_404(classroom.handovers, pk=handover)
    if not _is_pending(pending):
        return _tell_end(request, classroom, pending)
    document = pupil_cards.render_sheet(pending, list(pending.pupils.order_by("number")), at=timezone.localtime())
    return document.answer(f"eleves-confies-{pending.pk}.pdf")


@signed_in
@require_POST
@class_act
def withdraw_handover(request: AuthenticatedRequest, pk: int, handover: int) -> str:
    """Take a code back."""
    classroom = get_taught_class_or_404(request, pk)
    get_object_or_404(classroom.handovers, pk=handover)
    handovers.withdraw_handover(classroom_id=pk, handover_id=handover, by=request.user, at=timezone.now())
    return "le code est repris : il ne vaut plus rien, et les élèves restent dans cette classe."


def _read_code(request: AuthenticatedRequest) -> str:
    return request.POST.get("code", "")[:_MAX_TYPED]


def _refuse_code(request: AuthenticatedRequest, refusal: DomainError, pk: int) -> HttpResponse:
    status = 429 if isinstance(refusal, TooManyHandoverCodes) else 409
    view = load_class(request, pk)
    return render_class_page(request, view, status=status, code_refusal=refusal, code_typed=_read_code(request))


@signed_in
@require_POST
@never_cache
@sensitive_post_parameters("code")
@page_action("classes:detail", "pk", refused=_refuse_code)
@sensitive_variables("typed")
def receive_pupils(request: AuthenticatedRequest, pk: int) -> HttpResponse | str:
    """Show what a code brings to the class; once that is confirmed, receive the pupils."""
    classroom = get_taught_class_or_404(request, pk)
    typed = _read_code(request)
    is_confirmed = request.POST.get("accepter") == "oui"
    enter = handovers.receive if is_confirmed else handovers.look_up
    coming = enter(code=typed, classroom_id=pk, by=request.user, address=get_client_ip(request), at=timezone.now())
    if not is_confirmed:
        content = {"classroom": classroom, "coming": coming, "code": typed}
        return set_no_store(render(request, "classes/receive.html", content))
    return _describe_coming(coming)


def _describe_coming(coming: handovers.ComingPupils) -> str:
    count = len(coming.pupils)
    came = f"{pluralize(count, 'élève')} {'a rejoint' if count == 1 else 'ont rejoint'} votre classe"
    return f"{came}, avec {'sa carte' if count == 1 else 'leurs cartes'} : écrivez les prénoms pour savoir qui est qui."


def _is_pending(handover: PupilHandover) -> bool:
    return handover.ended_at is None and handover.expires_at > timezone.now()


def _tell_end(request: AuthenticatedRequest, classroom: Classroom, handover: PupilHandover) -> HttpResponse:
    """Lead to the class, and say what became of a code that ended, without who received the pupils."""
    day = format_long_date(handover.ended_at or handover.expires_at)
    match handover.outcome:
        case HandoverOutcome.ACCEPTED:
            went = pluralize(handover.received, "élève a rejoint", "élèves ont rejoint")
            sentence = f"Ce code a servi le {day} : {went} la classe d'un collègue."
        case HandoverOutcome.WITHDRAWN:
            sentence = f"Ce code a été repris le {day} : les élèves sont restés dans cette classe."
        case _:
            until = format_long_date(handover.expires_at)
            sentence = f"Ce code n'a pas servi avant le {until} : les élèves sont restés dans cette classe."
    messages.info(request, sentence)
    return redirect_to_class(classroom)
