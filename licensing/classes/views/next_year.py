"""A teacher carries a class of the year before on to their seat of the new one."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.requests import AuthenticatedRequest
from core.formatting import pluralize
from licensing.classes import carry_offers, operations, overview
from licensing.classes.carry_offers import CarryOffer
from licensing.classes.device_names import derive_name_keys
from licensing.classes.forms import ClassNameForm
from licensing.classes.models import Classroom, PupilAccount
from licensing.classes.operations.carrying_on import CarriedClass
from licensing.classes.views.class_page import (
    STALE_PAGE,
    get_taught_class_or_404,
    parse_numbers,
    redirect_to_class,
    render_class_page,
)
from licensing.exceptions import LicensingError
from web.access import signed_in


@signed_in
@require_http_methods(["GET", "POST"])
@never_cache
def carry_on(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Show which pupils come along, under which name and on which licence; then carry the class on."""
    classroom = get_taught_class_or_404(request, pk)
    if request.method == "GET":
        offer = carry_offers.find_offer(classroom, request.user, at=timezone.now())
        if offer is None or offer.opens_on is not None:
            # The page of the class says from when, or nothing.
            return redirect_to_class(classroom)
        _, pupils = overview.get_class(classroom, request.user, at=timezone.now())
        ticked = {pupil.number for pupil in pupils}
        return _render(request, classroom, offer, pupils, ticked, form=ClassNameForm(initial={"name": classroom.name}))
    return _carry_on(request, classroom)


def _carry_on(request: AuthenticatedRequest, classroom: Classroom) -> HttpResponse:
    view, pupils = overview.get_class(classroom, request.user, at=timezone.now())
    numbers = parse_numbers(request.POST.getlist("eleve"))
    seat_id = next(iter(parse_numbers(request.POST.getlist("licence"))), 0)
    form = ClassNameForm(request.POST)
    offer = carry_offers.find_offer(classroom, request.user, at=timezone.now())
    # A second click finds the class on its seat, and is answered as the first.
    is_done = classroom.seat_id == seat_id
    if offer is not None and not form.is_valid():
        return _render(request, classroom, offer, pupils, numbers, form=form, status=422)
    if not is_done and request.POST.get("etat") != overview.compute_roster_version(pupils):
        return render_class_page(request, classroom, status=409, loaded=(view, pupils), refusal=STALE_PAGE)
    try:
        carried = operations.carry_on(
            classroom_id=classroom.pk,
            seat_id=seat_id,
            numbers=numbers,
            name=form.data.get("name", ""),
            by=request.user,
            at=timezone.now(),
        )
    except LicensingError as refusal:
        if offer is None or offer.opens_on is not None:
            return render_class_page(request, classroom, status=409, loaded=(view, pupils), refusal=refusal)
        return _render(request, classroom, offer, pupils, numbers, form=form, refusal=refusal, status=409)
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
    classroom: Classroom,
    offer: CarryOffer,
    pupils: Collection[PupilAccount],
    ticked: Collection[int],
    *,
    status: int = 200,
    **changed: Any,
) -> HttpResponse:
    view, _ = overview.get_class(classroom, request.user, at=timezone.now())
    content = {
        "classroom": classroom,
        "view": view,
        "offer": offer,
        "rows": [(pupil, pupil.number in ticked) for pupil in pupils],
        "chosen_seat": request.POST.get("licence", ""),
        "name_keys": derive_name_keys(classroom.pk),
        "state": overview.compute_roster_version(pupils),
        **changed,
    }
    return render(request, "classes/carry_on.html", content, status=status)
