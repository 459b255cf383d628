"""What is done with a list as a whole: set it, decline it, order it, give it to the schools, undo that."""

from __future__ import annotations

import datetime

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from collectivities.access import OfficeHttpRequest
from core import formatting
from core.calendar import date_in_paris
from licensing.exceptions import LicensingError
from licensing.renewals import operations
from licensing.renewals.application_plan import build_plan
from licensing.renewals.models import RenewalState
from licensing.renewals.operations import EverySchool, RenewalChanged
from licensing.renewals.queries import RenewalList
from licensing.requests.queries import format_school_year
from sites.office.purchases import get_current_collectivity
from sites.office.renewal import BUYERS, MANAGERS, MEMBERS, find_list, get_list, read_number
from web.access import require_policy

#: Of the choices for the whole list, what the page sends.
CHOICES: dict[str, EverySchool] = {"cette-annee": "this_year", "proposition": "proposal", "rien": "nothing"}


@require_policy(MEMBERS)
@require_POST
def set_all(request: OfficeHttpRequest) -> HttpResponse:
    """Set every number at once: as this year, as proposed, nothing."""
    now = timezone.now()
    found = find_list(now)
    if found is None:
        return redirect("renewal:list")
    choice = CHOICES.get(request.POST.get("choix", ""))
    if choice is None:
        messages.error(request, "Choisissez ce que devient la liste. Rien n'est fait.")
        return redirect("renewal:list")
    try:
        after = operations.edit_all(
            year=found.year, version=_read_version(request), choice=choice, by=request.member.user, at=now
        )
    except LicensingError as refusal:
        return _refuse(request, refusal)
    messages.success(request, f"La liste compte maintenant {formatting.pluralize(after.total, 'licence')}.")
    return redirect("renewal:list")


@require_policy(MEMBERS)
@require_POST
def decline(request: OfficeHttpRequest) -> HttpResponse:
    """Decline the renewal, with a sentence."""
    now = timezone.now()
    found = find_list(now)
    if found is None:
        return redirect("renewal:list")
    try:
        operations.decline_renewal(
            year=found.year,
            version=_read_version(request),
            reason=request.POST.get("motif", ""),
            by=request.member.user,
            at=now,
        )
    except LicensingError as refusal:
        return _refuse(request, refusal)
    messages.success(request, "La reconduction est laissée sans suite. Vous pouvez la rouvrir jusqu'au 31 août.")
    return redirect("renewal:list")


@require_policy(MEMBERS)
@require_POST
def reopen(request: OfficeHttpRequest) -> HttpResponse:
    """Open a declined renewal again."""
    now = timezone.now()
    found = find_list(now)
    if found is None:
        return redirect("renewal:list")
    try:
        operations.reopen_renewal(year=found.year, version=_read_version(request), by=request.member.user, at=now)
    except LicensingError as refusal:
        return _refuse(request, refusal)
    messages.success(request, "La reconduction est rouverte : la liste est comme vous l'aviez laissée.")
    return redirect("renewal:list")


@require_policy(BUYERS)
@require_POST
def order(request: OfficeHttpRequest) -> HttpResponse:
    """Draft the order of what the list lacks, with its quote, and lead to it."""
    now = timezone.now()
    found = find_list(now)
    if found is None:
        return redirect("renewal:list")
    try:
        made = operations.order_renewal(
            collectivity=get_current_collectivity(),
            year=found.year,
            version=_read_version(request),
            units=read_number(request.POST.get("licences", "")),
            by=request.member.user,
            at=now,
        )
    except LicensingError as refusal:
        return _refuse(request, refusal)
    messages.success(
        request, f"Le devis {made.quote_number} est établi, et votre liste gardée. Rien n'est encore commandé."
    )
    return redirect("purchases:detail", pk=made.pk)


@require_policy(MANAGERS)
@require_http_methods(["GET", "POST"])
def give(request: OfficeHttpRequest) -> HttpResponse:
    """Show what giving the list would do; by POST, do what was shown."""
    now = timezone.now()
    found = find_list(now)
    if found is None or found.state not in (RenewalState.OPEN, RenewalState.ORDERED):
        return redirect("renewal:list")
    if request.method == "GET":
        return _render_plan(request, found, now)
    try:
        made = operations.apply_renewal(
            year=found.year,
            version=_read_version(request),
            expected=request.POST.get("empreinte", ""),
            by=request.member.user,
            at=now,
        )
    except RenewalChanged as refusal:
        return _render_plan(request, get_list(now), now, notice=str(refusal), status=409)
    except LicensingError as refusal:
        return _render_plan(request, found, now, notice=str(refusal), status=409)
    leaving = formatting.long_moment(timezone.localtime(made.notify_at))
    messages.success(
        request, f"La liste est attribuée. Les clés partent le {leaving} : vous pouvez tout annuler jusque-là."
    )
    return redirect("renewal:list")


def _render_plan(
    request: OfficeHttpRequest, found: RenewalList, now: datetime.datetime, *, notice: str = "", status: int = 200
) -> HttpResponse:
    plan = build_plan(found, now)
    context = {
        "found": found,
        "plan": plan,
        "year": format_school_year(found.year),
        "lines": [] if plan.is_refused else plan.describe(),
        "day": formatting.long_date(date_in_paris(plan.notify_at)),
        "notice": notice,
    }
    return render(request, "office/renewal/give.html", context, status=status)


@require_policy(MANAGERS)
@require_POST
def undo(request: OfficeHttpRequest) -> HttpResponse:
    """Take back what was given, before the schools are told."""
    now = timezone.now()
    found = find_list(now)
    if found is None:
        return redirect("renewal:list")
    try:
        operations.undo_application(year=found.year, by=request.member.user, at=now)
    except LicensingError as refusal:
        return _refuse(request, refusal)
    messages.success(request, "L'attribution de la liste est annulée : aucune école n'en a rien su.")
    return redirect("renewal:list")


def _read_version(request: OfficeHttpRequest) -> int:
    return read_number(request.POST.get("version", ""))


def _refuse(request: OfficeHttpRequest, refusal: LicensingError) -> HttpResponse:
    messages.error(request, str(refusal))
    return redirect("renewal:list")
