"""« Demandes »: the schools that ask for licences, those that were answered, and the export of both."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, cast

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe
from django_tables2 import RequestConfig

from accounts.throttling import limit_downloads
from collectivities.access import OfficeHttpRequest, office
from collectivities.letters import find_wanted
from collectivities.models import Letter, Role
from core.calendar import date_in_paris
from core.connections import connection
from licensing.pools.positions import list_pool_positions
from licensing.pools.wording import describe_pool
from licensing.requests import queries
from licensing.requests.exports import build_workbook
from licensing.requests.models import LicenceRequest
from licensing.requests.preview import list_held_licences
from licensing.requests.tables import AnsweredRequestTable, LicenceRequestTable
from tenants.models import Collectivity

_PAGE_SIZE = 50
_XLSX_CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def get_office() -> Collectivity:
    """Return the collectivity whose host the request is for."""
    return cast("Collectivity", connection.tenant)


@office()
@require_safe
def request_list(request: OfficeHttpRequest) -> HttpResponse:
    """Show the requests that wait, which a manager answers; `etat=repondues`: the others."""
    return render_list(request)


def render_list(
    request: OfficeHttpRequest,
    *,
    status: int = 200,
    ticked: Collection[int] = (),
    typed: Mapping[int, str] | None = None,
    **changed: Any,
) -> HttpResponse:
    """Return the page; `ticked`, `typed` and `changed` keep what a refused form had, and say why."""
    collectivity, now = get_office(), timezone.now()
    manages = Role.MANAGER in request.member.roles
    answered = request.method == "GET" and request.GET.get("etat") == "repondues"
    requests = queries.list_of_office(collectivity).filter(ended_at__isnull=not answered)
    today = date_in_paris(now)
    lots = [one for one in list_pool_positions() if one.free and one.entitlement.available_on(today)] if manages else []
    table: AnsweredRequestTable | LicenceRequestTable
    if answered:
        table = AnsweredRequestTable(requests)
    else:
        hidden = [] if manages else ["pick", "given"]
        table = LicenceRequestTable(
            requests, exclude=hidden, held=list_held_licences(requests), ticked=ticked, typed=typed
        )
    RequestConfig(request, paginate={"per_page": _PAGE_SIZE}).configure(table)
    waiting, units = queries.count_waiting(collectivity)
    context = {
        "table": table,
        "answered": answered,
        "waiting": waiting,
        "units": units,
        "any": waiting or LicenceRequest.objects.filter(collectivity_id=collectivity.pk).exists(),
        "manages": manages,
        "lots": [(one.pool_id, describe_pool(one.name, one.free, one.entitlement, today)) for one in lots],
        "wants_letters": find_wanted(request.member).get(Letter.REQUESTS, False),
        "refusal": "",
        "refused_field": "",
        "sentence": "",
        "lot": None,
        **changed,
    }
    return render(request, "requests/list.html", context, status=status)


@office()
@require_safe
@limit_downloads
def export(_request: OfficeHttpRequest) -> HttpResponse:
    """Export all requests to the office as a workbook."""
    response = HttpResponse(build_workbook(queries.list_of_office(get_office())), content_type=_XLSX_CONTENT_TYPE)
    response["Content-Disposition"] = f'attachment; filename="demandes-{date_in_paris(timezone.now())}.xlsx"'
    return response
