"""« Relances »: the policy of a pool, and the reminders that it leads to, each of which can be cancelled."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from collectivities.access import OfficeHttpRequest, office
from collectivities.models import Role
from core import formatting
from core.calendar import date_in_paris
from core.formatting import school_forms
from licensing.exceptions import LicensingError
from licensing.pools.models import Pool
from licensing.reminders import operations
from licensing.reminders.forms import PolicyForm
from licensing.reminders.models import Reminder
from licensing.reminders.queries import count_by_day, find_planning, get_policy, list_planned, list_stops
from licensing.reminders.wording import describe_day, describe_planning, describe_policy, describe_stop
from schools.calendar import knows_holidays

_PAGE_SIZE = 50
#: Stops that the page names.
_MAX_STOPS = 50
#: Value of the field `page` of a form that stands on the school's page.
_SCHOOL_PAGE = "school"


@office()
def policy(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Show when the schools of a pool are reminded, and what is planned."""
    pool = get_object_or_404(Pool, pk=pk)
    return _render(request, pool, PolicyForm.of_policy(get_policy(pk)))


@require_POST
@office(Role.MANAGER)
def set_policy(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Change the policy; show the page again, with what was typed, where it is refused."""
    pool = get_object_or_404(Pool, pk=pk)
    form = PolicyForm(request.POST)
    if form.is_valid():
        try:
            operations.set_policy(pool_id=pk, values=form.get_values(), by=request.member.user, at=timezone.now())
        except LicensingError as refusal:
            form.add_error("unredeemed_days", str(refusal))
        else:
            messages.success(request, f"Relances : {describe_policy(get_policy(pk))}")
            return redirect("reminders:policy", pk=pk)
    return _render(request, pool, form, status=422)


@require_POST
@office(Role.MANAGER)
def cancel(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Cancel one planned reminder, from the pool's page or from its school's."""
    get_object_or_404(Reminder, pk=pk)
    try:
        reminder = operations.cancel(reminder_id=pk, by=request.member.user, at=timezone.now())
    except LicensingError as refusal:
        messages.error(request, str(refusal))
        return redirect("pools:pools")
    day = formatting.long_date(reminder.planned_for)
    school = school_forms(reminder.school.name).of_the
    messages.success(request, f"La relance {school}, le {day}, est annulée : l'école ne recevra rien ce jour-là.")
    if request.POST.get("page") == _SCHOOL_PAGE:
        return redirect("school", uai=reminder.school_id)
    return redirect("reminders:policy", pk=reminder.allocation.pool_id)


@require_POST
@office(Role.MANAGER)
def cancel_all(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Cancel all planned reminders of a pool."""
    get_object_or_404(Pool, pk=pk)
    count = operations.cancel_all(pool_id=pk, by=request.member.user, at=timezone.now())
    if count:
        cancelled = formatting.pluralize(count, "relance annulée", "relances annulées")
        messages.success(request, f"{formatting.start_sentence(cancelled)}. Les suivantes restent prévues.")
    else:
        messages.info(request, "Aucune relance n'était prévue : il n'y avait rien à annuler.")
    return redirect("reminders:policy", pk=pk)


def _render(request: OfficeHttpRequest, pool: Pool, form: PolicyForm, *, status: int = 200) -> HttpResponse:
    days = count_by_day(pool.pk)
    paginator = Paginator(list_planned(pool.pk), _PAGE_SIZE)
    # Counted already: a query less.
    paginator.count = sum(count for _, count in days)
    current = get_policy(pool.pk)
    moment = find_planning().get(pool.pk) if current.sends_any else None
    context = {
        "pool": pool,
        "form": form,
        "summary": formatting.start_sentence(describe_policy(current)),
        "is_enabled": current.is_enabled,
        "planning": describe_planning(moment) if moment is not None else "",
        "knows_holidays": knows_holidays(date_in_paris(timezone.now())),
        "days": [describe_day(day, count) for day, count in days],
        "planned": paginator.get_page(request.GET.get("page")),
        "total": paginator.count,
        "stops": [
            describe_stop(one.school.name, one.at, is_whole=one.allocation_id is None)
            for one in list_stops(pool.pk)[:_MAX_STOPS]
        ],
        "manages": Role.MANAGER in request.member.roles,
    }
    return render(request, "reminders/policy.html", context, status=status)
