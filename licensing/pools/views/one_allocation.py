"""Acts on one allocation, from its page or from its school's: its number of licences, a reminder."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from collectivities.access import OfficeHttpRequest, office
from collectivities.models import Role
from core import formatting
from core.formatting import school_forms
from licensing.exceptions import LicensingError
from licensing.pools import operations
from licensing.pools.exceptions import WrittenThisWeek
from licensing.pools.forms import UnitsForm
from licensing.pools.models import Allocation
from licensing.pools.operations import UnitChange
from licensing.pools.queries import AllocationState, AnnotatedAllocation
from licensing.pools.stopped_reminders import find_stopped
from schools.calendar import find_written

_CHANGEABLE = (AllocationState.ISSUED, AllocationState.REDEEMED, AllocationState.SUSPENDED)
#: Values of the field `page` of a form that stands on the school's page, or on the home page.
SCHOOL_PAGE, HOME_PAGE = "school", "home"


def can_change_units(allocation: AnnotatedAllocation) -> bool:
    """Whether the number of its licences may be changed: more, or fewer while the key is not redeemed."""
    return allocation.state in _CHANGEABLE


def return_to_page(request: OfficeHttpRequest, allocation: Allocation) -> HttpResponse:
    """Redirect to the page where the form stood: the school's, the home page, or the allocation's."""
    if request.POST.get("page") == HOME_PAGE:
        return redirect("home")
    if request.POST.get("page") == SCHOOL_PAGE:
        return redirect("school", uai=allocation.school_id)
    return redirect("pools:allocation", pk=allocation.pk)


@require_POST
@office(Role.MANAGER)
def set_units(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Set the number of licences, and say what became of them."""
    allocation = get_object_or_404(Allocation, pk=pk)
    form = UnitsForm(request.POST)
    if not form.is_valid():
        messages.error(
            request,
            "Indiquez un nombre entier de licences, au moins 1 : rien n'a été changé. Pour n'en laisser aucune, "
            "reprenez les licences.",
        )
        return return_to_page(request, allocation)
    try:
        change = operations.set_units(
            allocation_id=pk,
            units=form.cleaned_data["units"],
            expected=form.cleaned_data["shown"],
            by=request.member.user,
            at=timezone.now(),
        )
    except LicensingError as refusal:
        messages.error(request, str(refusal))
    else:
        _show_change(request, change)
    return return_to_page(request, allocation)


@require_POST
@office(Role.MANAGER)
def remind(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Remind the school of its key, at most once a day.

    Ask before it is a second time in a week, or where the school stopped its automatic reminders.
    """
    allocation = get_object_or_404(Allocation.objects.select_related("school"), pk=pk)
    anyway, now = request.POST.get("anyway") == "1", timezone.now()
    if not anyway and find_stopped([pk]):
        words = "Elle a arrêté les relances automatiques : la vôtre partirait tout de même."
        if find_written([allocation.school_id], at=now):
            words += " Une relance est aussi déjà partie cette semaine."
        return _ask_before(request, allocation, words)
    try:
        operations.remind(allocation_id=pk, by=request.member.user, at=now, anyway=anyway)
    except WrittenThisWeek as refusal:
        return _ask_before(request, allocation, str(refusal))
    except LicensingError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"Une relance part pour {allocation.recipient}, avec la même clé.")
    return return_to_page(request, allocation)


def _ask_before(request: OfficeHttpRequest, allocation: Allocation, words: str) -> HttpResponse:
    """Return the page that says why a reminder is to be thought of twice."""
    context = {"allocation": allocation, "refusal": words, "page": request.POST.get("page", "")}
    return render(request, "pools/remind_again.html", context, status=409)


def _show_change(request: OfficeHttpRequest, change: UnitChange) -> None:
    allocation = change.allocation
    school = formatting.start_sentence(school_forms(allocation.school.name).the)
    now = formatting.pluralize(change.units, "licence")
    if change.units == change.before:
        messages.info(request, f"{school} a déjà {now} : rien n'a changé.")
        return
    difference = abs(change.units - change.before)
    moved = (
        f"{formatting.pluralize(difference, 'licence de plus', 'licences de plus')}, prises sur le lot"
        if change.units > change.before
        else f"{formatting.pluralize(difference, 'licence de moins', 'licences de moins')}, rendues au lot"
    )
    if difference == 1:
        moved = moved.replace("prises", "prise").replace("rendues", "rendue")
    notice = f"Un e-mail part pour {allocation.recipient}." if change.notified else "Sa clé n'était pas encore partie."
    messages.success(
        request,
        f"{school} a maintenant {now}, avec la même clé : {moved} « {allocation.pool.name} ». {notice}",
    )
