"""Downloads: blank templates, report of an import, list of imports."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET

from accounts.downloads import limit_downloads
from accounts.models import User
from collectivities.access import OfficeHttpRequest, office
from core.file_responses import build_file_response
from imports import queries
from imports.enums import Purpose
from imports.models import ImportRow, SpreadsheetImport
from imports.starter_workbook import build_starter_workbook
from imports.web.filters import ImportFilter
from imports.web.views import PREPARERS
from imports.workbooks import exports
from licensing.pools.models import Pool
from web.access import require_policy

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_BATCH = 2_000
#: Digits of the largest integer that the database can hold.
_MAX_DIGITS = 18
_TITLES = {Purpose.ALLOCATION: "Attribution de licences", Purpose.PORTFOLIO: "Périmètre"}


def _xlsx_response(content: bytes, filename: str) -> HttpResponse:
    return build_file_response(content, name=filename, content_type=XLSX)


@require_policy(PREPARERS)
@require_GET
@limit_downloads
def template(request: OfficeHttpRequest, purpose: str) -> HttpResponse:
    """Download a workbook prefilled with the portfolio; `?lot=` adds the licences held from that pool."""
    if purpose not in Purpose.values:
        raise Http404
    lot = request.GET.get("lot", "")
    is_number = lot.isascii() and lot.isdecimal() and len(lot) <= _MAX_DIGITS
    pool = Pool.objects.filter(pk=int(lot)).first() if is_number else None
    wanted = Purpose(purpose)
    return _xlsx_response(
        build_starter_workbook(wanted, pool if wanted is Purpose.ALLOCATION else None), f"{_TITLES[wanted]}.xlsx"
    )


@require_policy(PREPARERS)
@require_GET
@limit_downloads
def report(_request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Download the report of an import: its rows, verdicts and decisions; lead to its page once they are deleted."""
    spreadsheet_import = get_object_or_404(SpreadsheetImport.objects.select_related("pool"), pk=pk)
    if spreadsheet_import.contents_deleted_at is not None:
        return redirect("imports:detail", pk=pk)
    rows = ImportRow.objects.filter(import_id=pk).order_by("sheet", "number").iterator(chunk_size=_BATCH)
    corrects = (
        SpreadsheetImport.objects.filter(pk=spreadsheet_import.corrects_id).first()
        if spreadsheet_import.corrects_id
        else None
    )
    people = _people(
        [spreadsheet_import.created_by_id, spreadsheet_import.applied_by_id, spreadsheet_import.undone_by_id]
    )
    content = exports.build_import_report(spreadsheet_import, rows, people, corrects.filename if corrects else "")
    return _xlsx_response(content, f"compte-rendu-{PurePath(spreadsheet_import.filename).stem}.xlsx")


@office()
@require_GET
@limit_downloads
def export(request: OfficeHttpRequest) -> HttpResponse:
    """Download the filtered list of imports."""
    spreadsheet_imports = list(ImportFilter(request.GET, queryset=queries.list_imports()).qs)
    people = _people(
        number for one in spreadsheet_imports for number in (one.created_by_id, one.applied_by_id, one.undone_by_id)
    )
    counts = queries.count_verdicts([one.pk for one in spreadsheet_imports])
    return _xlsx_response(exports.build_import_list(spreadsheet_imports, counts, people), "Imports.xlsx")


def _people(ids: Iterable[int | None]) -> dict[int, str]:
    return {pk: str(user) for pk, user in User.objects.in_bulk([one for one in set(ids) if one]).items()}
