"""Pupils go on: to a colleague of the school by a code, or with their class to the next year."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from accounts.known_origins import get_client_ip
from accounts.requests import AuthenticatedRequest
from accounts.throttling import limit_downloads
from core.exceptions import DomainError
from core.formatting import pluralize
from licensing.classes import handovers, operations, pupil_cards
from licensing.classes.exceptions import TooManyHandoverCodes
from licensing.classes.forms import ClassNameForm
from licensing.classes.handovers import ComingPupils
from licensing.classes.models import Classroom, HandoverOutcome, PupilHandover
from licensing.classes.operations import CarriedClass, CarryOffer
from licensing.classes.queries import ClassView
from licensing.classes.views import (
    check_current,
    class_act,
    derive_name_keys,
    describe_class,
    get_taught_class_or_404,
    load_class,
    parse_numbers,
    redirect_to_class,
    render_class_page,
    set_no_store,
)
from licensing.entitlements.wording import format_long_date
from web.access import signed_in
from web.page_actions import page_action


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
        return _render(request, view, offer, ticked, form=ClassNameForm(initial={"name": classroom.name}))
    numbers = parse_numbers(request.POST.getlist("eleve"))
    seat_id = next(iter(parse_numbers(request.POST.getlist("licence"))), 0)
    form = ClassNameForm(request.POST)
    # A second click finds the class on its seat, and is answered as the first.
    is_done = classroom.seat_id == seat_id
    if offer is not None and not form.is_valid():
        return _render(request, view, offer, numbers, form=form, status=422)
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
        return _render(request, view, offer, numbers, form=form, refusal=refusal, status=409)
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


def _render(
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
def withdraw(request: AuthenticatedRequest, pk: int, handover: int) -> str:
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
def receive(request: AuthenticatedRequest, pk: int) -> HttpResponse | str:
    """Show what a code brings to the class; once that is confirmed, receive the pupils."""
    classroom = get_taught_class_or_404(request, pk)
    typed = _read_code(request)
    is_confirmed = request.POST.get("accepter") == "oui"
    enter = handovers.receive if is_confirmed else handovers.look_up
    coming = enter(code=typed, classroom_id=pk, by=request.user, address=get_client_ip(request), at=timezone.now())
    if not is_confirmed:
        content = {"classroom": classroom, "coming": coming, "code": typed}
        return set_no_store(render(request, "classes/receive.html", content))
    return _describe(coming)


def _describe(coming: ComingPupils) -> str:
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
