"""List of imports: uploads, awaited schools that arrived, downloads."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET
from django_tables2 import RequestConfig

from accounts.models import User
from collectivities.access import OfficeHttpRequest, office
from core.calendar import date_in_paris
from core.file_responses import build_file_response
from imports import queries
from imports.application_requests import describe_request_changes
from imports.enums import ImportState
from imports.models import ImportFile, SpreadsheetImport
from imports.operations import list_managers_to_ask
from imports.remark_queries import count_unticked
from imports.web.filters import ImportFilter
from imports.web.tables import ImportTable
from imports.web.views import APPLIERS, PREPARERS
from imports.web.views.arrivals import list_notices
from web.access import require_policy

PER_PAGE = 25


@office()
@require_GET
def import_list(request: OfficeHttpRequest) -> HttpResponse:
    """List the imports. Every member sees the counts; only preparers get links."""
    now = timezone.now()
    chosen = ImportFilter(request.GET, queryset=queries.list_imports())
    prepares = bool(PREPARERS.roles & set(request.member.roles))
    applies = bool(APPLIERS.roles & set(request.member.roles))
    table = ImportTable(chosen.qs, prepares=prepares, applies=applies)
    RequestConfig(request, paginate={"per_page": PER_PAGE}).configure(table)
    shown = [row.record for row in table.paginated_rows]
    table.counts = queries.count_verdicts([one.pk for one in shown])
    table.unticked = count_unticked([one.pk for one in shown])
    people = {pk for one in shown for pk in (one.created_by_id, one.requested_by_id) if pk}
    table.people = User.objects.in_bulk(people)
    if requested := [one for one in shown if one.requested_at and one.state == ImportState.CHECKED]:
        table.changes = describe_request_changes(requested)
        table.managers = [] if applies else list_managers_to_ask(by=request.member.user)
    context = {
        "filter": chosen,
        "table": table,
        "prepares": prepares,
        "query": request.GET.urlencode(),
        "notices": list_notices(now) if prepares else [],
        "pools": queries.list_open_pools(date_in_paris(now)) if prepares else [],
        "any": bool(shown) or SpreadsheetImport.objects.exists(),
    }
    return render(request, "imports/list.html", context)


@require_policy(PREPARERS)
@require_GET
def original_file(_request: HttpRequest, pk: int) -> HttpResponse:
    """Download the original file; without it, lead to the page that says when it was deleted."""
    spreadsheet_import = get_object_or_404(SpreadsheetImport, pk=pk)
    if spreadsheet_import.contents_deleted_at is not None:
        return redirect("imports:detail", pk=pk)
    file = get_object_or_404(ImportFile, pk=pk)
    return build_file_response(file.content, name=spreadsheet_import.filename, content_type="application/octet-stream")
