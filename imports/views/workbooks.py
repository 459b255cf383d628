"""Workbooks to take away: templates, the report of an import, their list; and the corrected one, handed back in."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET, require_POST

from accounts.models import User
from collectivities.access import office
from imports import operations, queries
from imports.corrected_form import CorrectedForm
from imports.enums import Purpose
from imports.filters import ImportFilter
from imports.models import Import, ImportRow
from imports.starting import workbook_to_start_from
from imports.views import PREPARERS
from imports.workbooks import exports
from licensing.pools.models import Pool
from web.access import opened

if TYPE_CHECKING:
    from collections.abc import Iterable

    from collectivities.access import OfficeRequest

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_BATCH = 2_000
#: Of a number that the database can hold.
_DIGITS = 18
_TITLES = {Purpose.ATTRIBUTION: "Attribution de licences", Purpose.REMIT: "Périmètre"}


def _workbook(content: bytes, filename: str) -> HttpResponse:
    return HttpResponse(
        content,
        content_type=XLSX,
        headers={
            "Content-Disposition": content_disposition_header(as_attachment=True, filename=filename) or "attachment",
            "X-Content-Type-Options": "nosniff",
        },
    )


@opened(PREPARERS)
@require_GET
def template(request: OfficeRequest, purpose: str) -> HttpResponse:
    """Return a workbook to fill in, with the schools of the remit; `?lot=` writes what each has from that lot."""
    if purpose not in Purpose.values:
        raise Http404
    lot = request.GET.get("lot", "")
    is_number = lot.isascii() and lot.isdecimal() and len(lot) <= _DIGITS
    pool = Pool.objects.filter(pk=int(lot)).first() if is_number else None
    wanted = Purpose(purpose)
    return _workbook(
        workbook_to_start_from(wanted, pool if wanted is Purpose.ATTRIBUTION else None), f"{_TITLES[wanted]}.xlsx"
    )


@opened(PREPARERS)
@require_POST
def corrected(request: OfficeRequest, pk: int) -> HttpResponse:
    """Take the corrected file of an import: for the same purpose and lot, whatever became of its marks."""
    earlier = get_object_or_404(Import, pk=pk)
    form = CorrectedForm(request.POST, request.FILES)
    if not form.is_valid():
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
        return redirect("imports:detail", pk=pk)
    file = form.cleaned_data["file"]
    table = operations.upload(
        purpose=Purpose(earlier.purpose),
        pool_id=earlier.pool_id,
        filename=file.name,
        content=file.read(),
        units_for_all=None,
        corrects=earlier,
        by=request.member.user,
        at=timezone.now(),
    )
    return redirect("imports:detail", pk=table.pk)


@opened(PREPARERS)
@require_GET
def report(_request: OfficeRequest, pk: int) -> HttpResponse:
    """Return all rows of an import, what was made of each, and who decided."""
    table = get_object_or_404(Import.objects.select_related("pool"), pk=pk)
    rows = ImportRow.objects.filter(import_id=pk).order_by("sheet", "number").iterator(chunk_size=_BATCH)
    corrects = Import.objects.filter(pk=table.corrects_id).first() if table.corrects_id else None
    people = _people([table.created_by_id, table.applied_by_id, table.undone_by_id])
    content = exports.report(table, rows, people, corrects.filename if corrects else "")
    return _workbook(content, f"{PurePath(table.filename).stem} – rapport.xlsx")


@office()
@require_GET
def export(request: OfficeRequest) -> HttpResponse:
    """Return the list of imports as it is filtered."""
    tables = list(ImportFilter(request.GET, queryset=queries.imports_list()).qs)
    people = _people(number for one in tables for number in (one.created_by_id, one.applied_by_id, one.undone_by_id))
    counts = queries.counts_of([one.pk for one in tables])
    return _workbook(exports.list_of_imports(tables, counts, people), "Imports.xlsx")


def _people(ids: Iterable[int | None]) -> dict[int, str]:
    return {pk: str(user) for pk, user in User.objects.in_bulk([one for one in set(ids) if one]).items()}
