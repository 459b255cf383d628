"""« Rendre »: what the office asked of schools and how it stands, and what still lies unused."""

from __future__ import annotations

import datetime
from typing import NamedTuple
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from collectivities.access import OfficeHttpRequest, office
from collectivities.models import Role
from collectivities.queries import list_members
from core.calendar import date_in_paris
from core.formatting import school_forms
from licensing.entitlements.models import available_on
from licensing.entitlements.office_keys import find_entitlements, find_redeemed
from licensing.exceptions import LicensingError
from licensing.pools.filters import UNUSED
from licensing.pools.models import Allocation
from licensing.pools.queries import get_allocation_of_key
from licensing.returns import operations
from licensing.returns.exceptions import UnknownReturnRequest
from licensing.returns.models import ReturnRequest
from licensing.returns.queries import count_unused_of_office, select_requests, select_returns
from licensing.returns.wording import (
    STATUS_BADGES,
    ReturnStatus,
    describe_nothing_unused,
    describe_spared,
    find_status,
)

_PAGE_SIZE = 50
#: Returns that are listed: the journal has all.
_RETURNS_SHOWN = 50


class RequestRow(NamedTuple):
    """A request as the page shows it."""

    request: ReturnRequest
    label: str
    colour: str
    #: It can be withdrawn.
    is_open: bool


@office()
@require_GET
def request_list(request: OfficeHttpRequest) -> HttpResponse:
    """List the requests, the latest first, below what lies unused and the way to ask for it; then what came back."""
    now = timezone.now()
    found = select_requests().select_related("key__school").order_by("-pk")
    page = Paginator(found, _PAGE_SIZE).get_page(request.GET.get("page"))
    manages = Role.MANAGER in request.member.roles
    unused = count_unused_of_office(now)
    context = {
        "unused": unused,
        "nothing_unused": "" if unused.units else _describe_nothing(now, unused.spared_units),
        "spared": describe_spared(unused.spared_units) if unused.spared_units else "",
        "unused_query": urlencode({"situation": UNUSED}),
        "unused_url": f"{reverse('pools:allocations')}?{urlencode({'situation': UNUSED})}",
        "page_obj": page,
        "rows": [build_row(one, now) for one in page.object_list],
        "returns": select_returns()[:_RETURNS_SHOWN],
        "manages": manages,
        "managers": [] if manages or not unused.units else list_members(Role.MANAGER),
    }
    return render(request, "returns/list.html", context)


def _describe_nothing(at: datetime.datetime, spared: int) -> str:
    available = find_entitlements(available_on(date_in_paris(at), ""))
    given = Allocation.objects.served().filter(pool__entitlement__in=available)
    redeemed = given.filter(key__in_array=find_redeemed()).exists()
    return describe_nothing_unused(given=redeemed or given.exists(), redeemed=redeemed, spared=spared)


def build_row(request: ReturnRequest, at: datetime.datetime) -> RequestRow:
    """Return a request with the badge of how it stands."""
    status = find_status(request, at)
    return RequestRow(request, *STATUS_BADGES[status], status is ReturnStatus.OPEN)


@require_POST
@office(Role.MANAGER)
def withdraw(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Withdraw a request that nobody answered."""
    try:
        withdrawn = operations.withdraw(request_id=pk, by=request.member.user, at=timezone.now())
    except UnknownReturnRequest:
        raise Http404("No request of this collectivity.") from None
    except LicensingError as refusal:
        messages.error(request, str(refusal))
    else:
        school = school_forms(get_allocation_of_key(withdrawn.key_id).school.name)
        messages.success(request, f"La demande faite {school.to_the} est retirée : il n'y a plus rien à répondre.")
    return redirect("returns:list")
