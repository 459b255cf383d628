"""The journal: who did what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from collectivities.access import office
from collectivities.journal import JournalFilter
from collectivities.journal_export import workbook
from collectivities.models import AuditEntry

if TYPE_CHECKING:
    from collectivities.access import OfficeRequest

A_PAGE = 50
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@office()
@require_GET
def journal(request: OfficeRequest) -> HttpResponse:
    """Show what was done, latest first, filtered."""
    chosen = JournalFilter(request.GET, AuditEntry.objects.order_by("-at", "-pk"))
    page = Paginator(chosen.qs, A_PAGE).get_page(request.GET.get("page"))
    return render(request, "collectivities/journal.html", {"filter": chosen, "page_obj": page})


@office()
@require_GET
def export(request: OfficeRequest) -> HttpResponse:
    """Give what the filter keeps as a workbook."""
    chosen = JournalFilter(request.GET, AuditEntry.objects.order_by("-at", "-pk"))
    answer = HttpResponse(workbook(chosen.qs), content_type=XLSX)
    answer["Content-Disposition"] = f'attachment; filename="journal-{timezone.localdate():%Y-%m-%d}.xlsx"'
    return answer
