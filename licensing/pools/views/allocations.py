"""Who received what, and who uses it: the list, its export, and the page of one allocation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django_tables2 import RequestConfig

from collectivities.access import office
from collectivities.models import AuditEntry, Role
from licensing.catalogue.operations import day_in_france
from licensing.pools.exports import workbook
from licensing.pools.filters import AllocationFilter
from licensing.pools.forms import ResendForm
from licensing.pools.models import TOPIC
from licensing.pools.queries import AllocationState, allocations
from licensing.pools.tables import AllocationTable, badge
from mailing import kinds
from mailing.models import Message

if TYPE_CHECKING:
    from collectivities.access import OfficeRequest

ROWS_A_PAGE = 50
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def filtered(data: object) -> AllocationFilter:
    """Return the filter over the allocations of this day, as the list's address says it."""
    return AllocationFilter(data, queryset=allocations(day_in_france(timezone.now())))


@office()
def listing(request: OfficeRequest) -> HttpResponse:
    """Show the allocations, filtered and sorted, a page at a time; a manager can act on those that are ticked."""
    manages = Role.MANAGER in request.member.roles
    chosen = filtered(request.GET)
    table = AllocationTable(chosen.qs, exclude=() if manages else ("pick",))
    RequestConfig(request, paginate={"per_page": ROWS_A_PAGE}).configure(table)
    context = {"filter": chosen, "table": table, "manages": manages, "query": request.GET.urlencode()}
    return render(request, "pools/allocations.html", context)


@office()
def export(request: OfficeRequest) -> HttpResponse:
    """Return what the list shows, all its pages, as a workbook without any key."""
    answer = HttpResponse(workbook(filtered(request.GET).qs.order_by("school__name_folded", "pk")), content_type=XLSX)
    answer["Content-Disposition"] = f'attachment; filename="attributions-{day_in_france(timezone.now())}.xlsx"'
    return answer


@office()
def detail(request: OfficeRequest, pk: int) -> HttpResponse:
    """Show one allocation: what became of it, its e-mails, its history, and what a manager can do."""
    allocation = get_object_or_404(allocations(day_in_france(timezone.now())), pk=pk)
    messages = Message.objects.filter(topic=TOPIC, topic_id=pk).order_by("-pk")[:20]
    context = {
        "allocation": allocation,
        "badge": badge(allocation.state),
        "issued": allocation.state == AllocationState.ISSUED,
        "mails": [(message, kinds.label(message.kind)) for message in messages],
        "entries": AuditEntry.objects.filter(object_type="allocation", object_id=pk).order_by("-at", "-pk")[:50],
        "manages": Role.MANAGER in request.member.roles,
        "resend_form": ResendForm(initial={"recipient": allocation.recipient}),
    }
    return render(request, "pools/allocation.html", context)
