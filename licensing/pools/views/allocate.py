"""« Attribuer à une école »: first the school, found by its words, then the volume and the address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils import timezone

from collectivities.access import office
from collectivities.models import Role
from collectivities.queries import contacts_for
from licensing.catalogue.operations import day_in_france
from licensing.exceptions import Refused
from licensing.pools import operations
from licensing.pools.forms import AllocateForm
from licensing.pools.queries import allocations, positions
from licensing.pools.wording import named
from schools.queries import by_uai, search
from schools.wording import school_name
from web import typography

if TYPE_CHECKING:
    from django.http import HttpResponse

    from collectivities.access import OfficeRequest
    from schools.models import School

MOST_FOUND = 20


@office(Role.MANAGER)
def allocate(request: OfficeRequest) -> HttpResponse:
    """Find the school; once one is chosen (`?ecole=<uai>`), ask how many licences and where to write."""
    chosen = request.GET.get("ecole")
    if chosen is None:
        return _find(request)
    school = by_uai(chosen)
    if school is None:
        raise Http404("No such school.")
    today = day_in_france(timezone.now())
    lots = [p for p in positions() if p.free and p.source.usable_on(today)]
    initial = {"recipient": contacts_for([school.uai]).get(school.uai) or school.email, "pool": request.GET.get("lot")}
    form = AllocateForm(request.POST or None, positions=lots, initial=initial)
    status = 200
    if request.method == "POST":
        if form.is_valid():
            try:
                allocation = _give(request, school, form)
            except Refused as refusal:
                form.add_error(None, str(refusal))
                status = 409
            else:
                return redirect("pools:allocation", pk=allocation)
        else:
            status = 422
    already = allocations(today).filter(school=school, revoked_at=None).order_by("-created_at")
    context = {
        "school": school,
        "name": school_name(school.name),
        "form": form,
        "lots": lots,
        "already": already,
    }
    return render(request, "pools/allocate.html", context, status=status)


def _find(request: OfficeRequest) -> HttpResponse:
    text = request.GET.get("q", "").strip()
    found = list(search(text)[: MOST_FOUND + 1]) if text else []
    context = {
        "q": text,
        "found": [(school, school_name(school.name)) for school in found[:MOST_FOUND]],
        "more": len(found) > MOST_FOUND,
    }
    return render(request, "pools/allocate_find.html", context)


def _give(request: OfficeRequest, school: School, form: AllocateForm) -> int:
    demand = form.cleaned_data
    allocation = operations.allocate(
        pool_id=demand["pool"],
        uai=school.uai,
        units=demand["units"],
        recipient=demand["recipient"],
        send_on=demand["send_on"],
        by=request.member.user,
        at=timezone.now(),
    )
    given = typography.plural(demand["units"], "licence attribuée", "licences attribuées")
    when = f" le {typography.day(demand['send_on'])} à 8 heures" if demand["send_on"] else ""
    messages.success(request, f"{given} {named(school.name).to_the}. L'e-mail part{when} pour {demand['recipient']}.")
    return allocation.pk
