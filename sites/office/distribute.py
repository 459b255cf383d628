"""« Distribuer »: the list that waits for its licences, the two ways to give, and what each lot has left."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from collectivities.access import OfficeHttpRequest, office
from collectivities.capabilities import Capability
from collectivities.queries import get_current_collectivity, list_members
from core.calendar import date_in_paris
from imports.enums import ImportState
from imports.models import SpreadsheetImport
from imports.operations.application_requests import describe_request_changes, describe_wait, list_managers_to_ask
from imports.requested_licences import PoolChoice, find_list_to_give
from licensing.pools.positions import list_pool_positions
from licensing.pools.year_use import list_schools_without_licences
from licensing.requests.returns.queries import count_unused_of_office
from licensing.requests.school_requests import queries as requests

#: From so many schools without a licence on, a workbook is the shorter way.
MANY_SCHOOLS = 5
#: Imports to apply that are named.
MAX_REQUESTS = 5


@office()
@require_GET
def distribute(request: OfficeHttpRequest) -> HttpResponse:
    """Show the ways, the likely one as the page's filled button, and the lots with what is free.

    The likeliest is an applied list of schools that asks for licences which its schools do not hold yet.
    """
    member = request.member
    may_import, may_allocate = member.may(Capability.PREPARE_IMPORTS), member.may(Capability.GIVE_LICENCES)
    buys = member.may(Capability.BUY_LICENCES)
    now = timezone.now()
    today = date_in_paris(now)
    lots = [position for position in list_pool_positions() if position.entitlement.available_on(today)]
    free = sum(position.free for position in lots)
    waiting = list_schools_without_licences(today).count()
    to_apply = SpreadsheetImport.objects.filter(state=ImportState.CHECKED, requested_at__isnull=False)
    requested = list(to_apply.order_by("requested_at", "pk")[:MAX_REQUESTS]) if may_import else []
    changes = describe_request_changes(requested) if requested else {}
    asked = list_managers_to_ask(by=member.user) if requested and not may_allocate else []
    waiting_list = find_list_to_give(today) if free and may_import else None
    if not free:
        likely = "purchase" if buys else ""
    elif waiting_list is not None:
        likely = "list"
    elif may_import and (waiting >= MANY_SCHOOLS or not may_allocate):
        likely = "import"
    else:
        likely = "allocate" if may_allocate else ""
    unused = count_unused_of_office(now)
    context = {
        "lots": lots,
        "unused": unused,
        "requested": [(one, describe_wait(one, asked, changes[one.pk])) for one in requested],
        "free": free,
        "waiting_list": waiting_list,
        # The first to end first.
        "open_pools": [
            PoolChoice(lot.pool_id, lot.name, lot.free)
            for lot in sorted(lots, key=lambda lot: (lot.last_day, lot.pool_id))
            if lot.free
        ],
        "waiting": waiting,
        "asking": requests.count_waiting(get_current_collectivity()),
        "may_import": may_import,
        "may_allocate": may_allocate and free,
        "buys": buys,
        "likely": likely,
        "managers": [] if may_allocate else list_members(Capability.GIVE_LICENCES),
        "buyers": [] if free or buys else list_members(Capability.BUY_LICENCES),
    }
    return render(request, "office/distribute.html", context)


@office()
@require_GET
def follow_up(request: OfficeHttpRequest) -> HttpResponse:  # noqa: ARG001 - every view's signature
    """Lead to the first page of « Suivi »."""
    return redirect("messages:list")
