"""The list of allocations, its export, and the page of one allocation."""

from __future__ import annotations

from functools import partial

from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django_tables2 import RequestConfig

from accounts.throttling import limit_downloads
from collectivities.access import OfficeHttpRequest, office
from collectivities.models import AuditEntry, Role
from core import formatting
from core.calendar import date_in_paris
from licensing.pools.exports import build_workbook
from licensing.pools.filters import ALL_YEARS, AllocationFilter, build_parameters
from licensing.pools.models import ALLOCATION_TOPIC, RESTORABLE_FOR, Allocation
from licensing.pools.queries import AllocationState, list_allocations, list_held_keys, list_restorable_revocations
from licensing.pools.situation_badges import render_situation_badge
from licensing.pools.tables import AllocationRows, AllocationTable
from licensing.pools.views.one_allocation import can_change_units
from licensing.pools.wording import describe_held_keys
from mailing import kinds
from mailing.models import Message

_PAGE_SIZE = 50
_XLSX_CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def build_filter(query: QueryDict) -> AllocationFilter:
    """Return the filter of the allocations for the given query parameters."""
    return AllocationFilter(build_parameters(query), queryset=Allocation.objects.all())


@office()
def allocation_list(request: OfficeHttpRequest) -> HttpResponse:
    """Show the allocations, filtered, sorted and paginated; managers can select some for a bulk action.

    `cocher=page`: those of the page are ticked, for browsers without scripts.
    """
    manages, today = Role.MANAGER in request.member.roles, date_in_paris(timezone.now())
    allocation_filter = build_filter(request.GET)
    ticked = request.GET.get("cocher") == "page"
    hidden = [] if manages else ["pick"]
    if request.GET.get("pool") or len(allocation_filter.pools) == 1:
        hidden.append("pool")
    at_once = bool(request.GET.get("situation"))
    rows = AllocationRows(allocation_filter.qs, partial(list_allocations, today), at_once=at_once)
    # The usual text leads to giving licences.
    empty_text = None if manages else "Aucune attribution ne répond à ces choix."
    table = AllocationTable(rows, exclude=hidden, ticked=ticked, empty_text=empty_text)
    RequestConfig(request, paginate={"per_page": _PAGE_SIZE}).configure(table)
    context = {
        "filter": allocation_filter,
        "table": table,
        "counted": _count_rows(rows),
        "manages": manages,
        "revocations": list_restorable_revocations(timezone.now()) if manages else [],
        "query": _get_list_query(request.GET),
        "all_years_query": _get_all_years_query(request.GET),
        "ticked": ticked,
        "held": [
            (describe_held_keys(held.keys, held.pool.name, held.pool.entitlement, today), held.pool.pk)
            for held in list_held_keys(today)
        ],
    }
    return render(request, "pools/allocations.html", context)


def _count_rows(rows: AllocationRows) -> str:
    """Return « 12 attributions, 40 licences. »."""
    counted = formatting.pluralize(len(rows), "attribution")
    return f"{counted}, {formatting.pluralize(rows.units, 'licence')}." if len(rows) else f"{counted}."


def _get_list_query(parameters: QueryDict) -> str:
    """Return the parameters of the list without the ticks, which no act keeps."""
    kept = parameters.copy()
    kept.pop("cocher", None)
    return kept.urlencode()


def _get_all_years_query(parameters: QueryDict) -> str:
    """Return the parameters of the same list with past years too."""
    kept = parameters.copy()
    for name in ("cocher", "page"):
        kept.pop(name, None)
    kept["year"] = ALL_YEARS
    return kept.urlencode()


@office()
@limit_downloads
def export(request: OfficeHttpRequest) -> HttpResponse:
    """Export the filtered list, all pages, as a workbook without keys."""
    today = date_in_paris(timezone.now())
    listed = list_allocations(today).filter(pk__in=build_filter(request.GET).qs.values("pk"))
    response = HttpResponse(
        build_workbook(listed.order_by("school__name_folded", "pk")),
        content_type=_XLSX_CONTENT_TYPE,
    )
    response["Content-Disposition"] = f'attachment; filename="attributions-{today}.xlsx"'
    return response


@office()
def allocation_detail(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Show one allocation: its state, e-mails, audit entries, and the actions of managers."""
    now = timezone.now()
    allocation = get_object_or_404(list_allocations(date_in_paris(now), Allocation.objects.filter(pk=pk)))
    restorable_until = allocation.revoked_at and allocation.revoked_at + RESTORABLE_FOR
    messages = list(Message.objects.filter(topic=ALLOCATION_TOPIC, topic_id=pk).order_by("-pk")[:20])
    context = {
        "allocation": allocation,
        "badge": render_situation_badge(allocation.situation),
        "issued": allocation.state == AllocationState.ISSUED,
        "suspended": allocation.state == AllocationState.SUSPENDED and allocation.key.redeemed_at is None,
        "changeable": can_change_units(allocation),
        "lost": messages[0] if messages and (messages[0].is_lost or messages[0].awaits_hand) else None,
        "restorable_until": restorable_until if restorable_until and now < restorable_until else None,
        "mails": [(message, kinds.get_label(message.kind)) for message in messages],
        "entries": AuditEntry.objects.filter(object_type="allocation", object_id=pk).order_by("-at", "-pk")[:50],
        "manages": Role.MANAGER in request.member.roles,
    }
    return render(request, "pools/allocation.html", context)
