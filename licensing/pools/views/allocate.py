"""« Attribuer à une école »: search for the school, then enter the units and the recipient."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from collectivities.access import OfficeHttpRequest, office
from collectivities.models import PortfolioSchool, Role
from core import formatting
from core.calendar import date_in_paris
from core.formatting import school_forms
from licensing.entitlements.office_keys import find_entitlements
from licensing.exceptions import LicensingError
from licensing.pools import operations
from licensing.pools.forms import AllocateForm
from licensing.pools.models import Allocation
from licensing.pools.positions import list_pool_positions
from licensing.pools.queries import list_allocations, list_holdings_beside
from licensing.pools.school_holdings import list_schools_without_licences
from schools.models import School
from schools.queries import find_by_uai, search
from schools.wording import format_school_name

_MAX_RESULTS = 20


@office(Role.MANAGER)
def allocate(request: OfficeHttpRequest) -> HttpResponse:
    """Search for the school or, once one is selected (`?ecole=<uai>`), show and process the form."""
    uai = request.GET.get("ecole")
    if uai is None:
        return _search(request)
    school = find_by_uai(uai)
    if school is None:
        raise Http404("No such school.")
    today = date_in_paris(timezone.now())
    pools = [pool for pool in list_pool_positions() if pool.free and pool.entitlement.available_on(today)]
    row = PortfolioSchool.objects.filter(school=school).first()
    classes = row.classes if row is not None else None
    initial = {
        "recipient": (row.contact_email if row is not None else "") or school.email,
        "pool": request.GET.get("lot"),
        "units": classes or 1,
    }
    holdings = list_holdings_beside(school.uai)
    form = AllocateForm(request.POST or None, positions=pools, holdings=holdings, classes=classes, initial=initial)
    status = 200
    if request.method == "POST":
        if form.is_valid():
            try:
                allocation_id = _allocate(request, school, form)
            except LicensingError as refusal:
                messages.error(request, str(refusal))
                status = 409
            else:
                return redirect("pools:allocation", pk=allocation_id)
        else:
            status = 422
    running = find_entitlements(Q(last_day__gte=today, cancelled_at=None))
    of_school = Allocation.objects.active().filter(school=school, pool__entitlement__in=running)
    already = list_allocations(today, of_school)
    context = {
        "school": school,
        "name": format_school_name(school.name),
        "form": form,
        "pools": pools,
        "already": already.order_by("-created_at"),
        "outside_portfolio": row is None and PortfolioSchool.objects.exists(),
    }
    return render(request, "pools/allocate.html", context, status=status)


def _search(request: OfficeHttpRequest) -> HttpResponse:
    """Show the schools found, the portfolio's first; before a search, those of the portfolio without licences."""
    text = request.GET.get("q", "").strip()
    own: list[School] = []
    others: list[School] = []
    if text:
        portfolio = School.objects.filter(pk__in=PortfolioSchool.objects.values("school_id"))
        own = list(search(text, among=portfolio)[: _MAX_RESULTS + 1])
        known = {school.pk for school in own}
        others = [one for one in search(text)[: _MAX_RESULTS + 1 + len(own)] if one.pk not in known]
    found = [(school, format_school_name(school.name), True) for school in own]
    found += [(school, format_school_name(school.name), False) for school in others]
    waiting = list_schools_without_licences(date_in_paris(timezone.now())).filter(school__closed_at=None)
    context = {
        "q": text,
        "found": found[:_MAX_RESULTS],
        "more": len(found) > _MAX_RESULTS,
        "waiting": [] if text else _list_waiting(waiting),
        "waiting_count": 0 if text else waiting.count(),
    }
    return render(request, "pools/allocate_find.html", context)


def _list_waiting(waiting: QuerySet[PortfolioSchool]) -> list[tuple[School, str, bool]]:
    rows = waiting.select_related("school").order_by("school__commune", "school__name", "pk")[:_MAX_RESULTS]
    return [(row.school, format_school_name(row.school.name), False) for row in rows]


def _allocate(request: OfficeHttpRequest, school: School, form: AllocateForm) -> int:
    data = form.cleaned_data
    allocation = operations.allocate(
        pool_id=data["pool"],
        uai=school.uai,
        units=data["units"],
        recipient=data["recipient"],
        send_on=data["send_on"],
        by=request.member.user,
        at=timezone.now(),
    )
    units = formatting.pluralize(data["units"], "licence attribuée", "licences attribuées")
    when = f" le {formatting.long_date(data['send_on'])} à 8 heures" if data["send_on"] else ""
    messages.success(
        request, f"{units} {school_forms(school.name).to_the}. L'e-mail part{when} pour {data['recipient']}."
    )
    return allocation.pk
