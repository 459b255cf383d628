"""Functions shared by the views of a teacher's class."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from accounts.requests import AuthenticatedRequest
from licensing.classes import carry_offers, overview
from licensing.classes.device_names import derive_name_keys
from licensing.classes.exceptions import ClassNotTaught
from licensing.classes.forms import ClassNameForm, ColleagueForm, NewPupilsForm
from licensing.classes.models import Classroom, PupilAccount
from licensing.classes.queries import get_taught_class, list_pending_handovers

#: Error where the class changed since the form was displayed: submitted twice, or from two tabs.
STALE_PAGE = (
    "La classe a changé depuis que cette page s’est affichée : la demande a peut-être été envoyée deux fois. "
    "Rien n’a été fait cette fois-ci ; relisez la liste, puis recommencez s’il le faut."
)


#: What a bigint holds.
_MAX_DIGITS = 19


def get_taught_class_or_404(request: AuthenticatedRequest, pk: int) -> Classroom:
    """Return the class. Raises `Http404` where the user does not teach it, even if it exists."""
    try:
        return get_taught_class(request.user, pk)
    except ClassNotTaught as refusal:
        raise Http404("Not a class of this teacher.") from refusal


def render_class_page(
    request: AuthenticatedRequest,
    classroom: Classroom,
    *,
    status: int = 200,
    loaded: tuple[overview.ClassView, list[PupilAccount]] | None = None,
    **changed: Any,
) -> HttpResponse:
    """Return the page of a class; `changed` overrides its context, e.g. with a bound form or an error."""
    now = timezone.now()
    view, pupils = loaded or overview.get_class(classroom, request.user, at=now)
    content = {
        "view": view,
        "classroom": view.classroom,
        "pupils": pupils,
        "name_keys": derive_name_keys(classroom.pk),
        "state": overview.compute_roster_version(pupils),
        "new_form": NewPupilsForm(initial={"count": view.free_places if not pupils else 1}),
        "name_form": ClassNameForm(initial={"name": view.classroom.name}),
        "colleague_form": ColleagueForm(),
        "offer": carry_offers.find_offer(view.classroom, request.user, at=now),
        "handovers": list_pending_handovers(view.classroom, now),
        **changed,
    }
    return render(request, "classes/detail.html", content, status=status)


def parse_numbers(values: Iterable[str]) -> set[int]:
    """Return the numbers among posted values; what is none is left out, as nobody ticked it."""
    return {int(value) for value in values if value.isascii() and value.isdigit() and len(value) < _MAX_DIGITS}


def redirect_to_class(classroom: Classroom) -> HttpResponse:
    """Redirect to the class."""
    return redirect("classes:detail", pk=classroom.pk)
