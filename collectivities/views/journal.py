"""The Journal page, and its export."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts.throttling import limit_downloads
from collectivities.access import OfficeHttpRequest, office
from collectivities.journal_export import build_workbook
from collectivities.journal_filter import JournalFilter
from collectivities.queries import list_shown_entries
from core.calendar import date_in_paris

PAGE_SIZE = 50
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@office()
@require_GET
def journal(request: OfficeHttpRequest) -> HttpResponse:
    """List filtered audit entries, newest first."""
    entry_filter = JournalFilter(request.GET, list_shown_entries(timezone.now()))
    page = Paginator(entry_filter.qs, PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "collectivities/journal.html", {"filter": entry_filter, "page_obj": page})


@office()
@require_GET
@limit_downloads
def export(request: OfficeHttpRequest) -> HttpResponse:
    """Export filtered audit entries as a workbook."""
    entry_filter = JournalFilter(request.GET, list_shown_entries(timezone.now()))
    response = HttpResponse(build_workbook(entry_filter.qs), content_type=XLSX)
    response["Content-Disposition"] = f'attachment; filename="journal-{date_in_paris(timezone.now()):%Y-%m-%d}.xlsx"'
    return response
