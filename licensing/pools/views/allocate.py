"""« Attribuer à une école »: search for the school, then enter the units and the recipient."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils import timezone

from collectivities.access import office
from collectivities.models import Role
from collectivities.queries import get_contact_emails, is_outside_portfolio
from core import formatting
from core.calendar import date_in_paris
from core.french import school_forms
from licensing.exceptions import LicensingError
from licensing.pools import operations
from licensing.pools.forms import AllocateForm
from licensing.pools.queries import list_allocations, list_holdings_beside, list_pool_positions
from schools.queries import find_by_uai, search
from schools.wording import format_school_name

if TYPE_CHECKING:
    from django.http import HttpResponse

    from collectivities.access import OfficeHttpRequest
    from schools.models import School

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
    initial = {
        "recipient": get_contact_emails([school.uai]).get(school.uai) or school.email,
        "pool": request.GET.get("lot"),
    }
    form = AllocateForm(
        request.POST or None, positions=pools, holdings=list_holdings_beside(school.uai), initial=initial
    )
    status = 200
    if request.method == "POST":
        if form.is_valid():
            try:
                allocation_id = _allocate(request, school, form)
            except LicensingError as refusal:
                form.add_error(None, str(refusal))
                status = 409
            else:
                return redirect("pools:allocation", pk=allocation_id)
        else:
            status = 422
    already = list_allocations(today).filter(
        school=school, revoked_at=None, pool__entitlement__last_day__gte=today, pool__entitlement__cancelled_at=None
    )
    context = {
        "school": school,
        "name": format_school_name(school.name),
        "form": form,
        "pools": pools,
        "already": already.order_by("-created_at"),
        "outside_portfolio": is_outside_portfolio(school.uai),
    }
    return render(request, "pools/allocate.html", context, status=status)


def _search(request: OfficeHttpRequest) -> HttpResponse:
    text = request.GET.get("q", "").strip()
    found = list(search(text)[: _MAX_RESULTS + 1]) if text else []
    context = {
        "q": text,
        "found": [(school, format_school_name(school.name)) for school in found[:_MAX_RESULTS]],
        "more": len(found) > _MAX_RESULTS,
    }
    return render(request, "pools/allocate_find.html", context)


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
