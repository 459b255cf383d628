"""The list of allocations, its export, and the page of one allocation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django_tables2 import RequestConfig

from accounts.downloads import limit_downloads
from collectivities.access import office
from collectivities.models import AuditEntry, Role
from core.calendar import date_in_paris
from licensing.pools.exports import build_workbook
from licensing.pools.filters import AllocationFilter
from licensing.pools.forms import ResendForm
from licensing.pools.models import ALLOCATION_TOPIC
from licensing.pools.queries import AllocationState, list_allocations, list_held_keys
from licensing.pools.tables import AllocationTable, render_state_badge
from licensing.pools.wording import describe_held_keys
from mailing import kinds
from mailing.models import Message

if TYPE_CHECKING:
    from collectivities.access import OfficeHttpRequest

_PAGE_SIZE = 50
_XLSX_CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def build_filter(data: object) -> AllocationFilter:
    """Return the filter of today's allocations for the given query parameters."""
    return AllocationFilter(data, queryset=list_allocations(date_in_paris(timezone.now())))


@office()
def allocation_list(request: OfficeHttpRequest) -> HttpResponse:
    """Show the allocations, filtered, sorted and paginated; managers can select some for a bulk action."""
    manages = Role.MANAGER in request.member.roles
    allocation_filter = build_filter(request.GET)
    table = AllocationTable(allocation_filter.qs, exclude=() if manages else ("pick",))
    RequestConfig(request, paginate={"per_page": _PAGE_SIZE}).configure(table)
    today = date_in_paris(timezone.now())
    context = {
        "filter": allocation_filter,
        "table": table,
        "manages": manages,
        "query": request.GET.urlencode(),
        "held": [
            (describe_held_keys(held.keys, held.pool.name, held.pool.entitlement, today), held.pool.pk)
            for held in list_held_keys(today)
        ],
    }
    return render(request, "pools/allocations.html", context)


@office()
@limit_downloads
def export(request: OfficeHttpRequest) -> HttpResponse:
    """Export the filtered list, all pages, as a workbook without keys."""
    response = HttpResponse(
        build_workbook(build_filter(request.GET).qs.order_by("school__name_folded", "pk")),
        content_type=_XLSX_CONTENT_TYPE,
    )
    response["Content-Disposition"] = f'attachment; filename="attributions-{date_in_paris(timezone.now())}.xlsx"'
    return response


@office()
def allocation_detail(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Show one allocation: its state, e-mails, audit entries, and the actions of managers."""
    allocation = get_object_or_404(list_allocations(date_in_paris(timezone.now())), pk=pk)
    messages = Message.objects.filter(topic=ALLOCATION_TOPIC, topic_id=pk).order_by("-pk")[:20]
    context = {
        "allocation": allocation,
        "badge": render_state_badge(allocation.state),
        "issued": allocation.state == AllocationState.ISSUED,
        "suspended": allocation.state == AllocationState.SUSPENDED and allocation.key.redeemed_at is None,
        "mails": [(message, kinds.get_label(message.kind)) for message in messages],
        "entries": AuditEntry.objects.filter(object_type="allocation", object_id=pk).order_by("-at", "-pk")[:50],
        "manages": Role.MANAGER in request.member.roles,
        "resend_form": ResendForm(initial={"recipient": allocation.recipient}),
    }
    return render(request, "pools/allocation.html", context)
