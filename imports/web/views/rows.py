"""Edit rows, one or all of the filter: a partial for htmx, a full page without scripts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRefresh

from collectivities.access import OfficeHttpRequest
from imports import operations, queries
from imports.enums import ConflictResolution, ImportState, Purpose
from imports.meanings import EDITABLE_COLUMNS, MAX_EDIT_LENGTH, Meaning
from imports.models import ImportRow, SpreadsheetImport
from imports.web.row_choices import load_choices
from imports.web.row_fields import build_fields, find_faults
from imports.web.views import PREPARERS
from imports.web.views.detail import build_common_context
from imports.web.views.verification import build_summary_context, get_row_filter
from licensing.exceptions import LicensingError
from schools.queries import search
from web.access import require_policy

#: Maximum number of search results shown for a row.
MAX_SEARCH_RESULTS = 10


@require_policy(PREPARERS)
@require_http_methods(["GET", "POST"])
def edit_row(request: OfficeHttpRequest, pk: int, sheet: int, number: int) -> HttpResponse:
    """Show a row with its editing form; edit it, set it aside, resolve its conflict or tick it."""
    spreadsheet_import = get_object_or_404(queries.list_with_pools(), pk=pk)
    found = get_object_or_404(ImportRow, import_id=pk, sheet=sheet, number=number)
    if request.method == "GET":
        return _render_row(request, spreadsheet_import, found)
    by, at = request.member.user, timezone.now()
    changes = _requested_changes(request, found, spreadsheet_import)
    if request.POST.get("action") == "fix" and (faults := find_faults(changes.get("edits", {}))):
        return _render_row(request, spreadsheet_import, found, typed=changes["edits"], faults=faults)
    try:
        if request.POST.get("action") == "add_to_portfolio":
            operations.add_all_to_portfolio(import_id=pk, text=found.uai, by=by, at=at)
            changed = ImportRow.objects.get(pk=found.pk)
        elif request.POST.get("action") == "keep":
            stated = request.POST.get("units", "")
            units = int(stated) if stated.isascii() and stated.isdecimal() else None
            set_aside = operations.keep_row(import_id=pk, sheet=sheet, number=number, units=units, by=by, at=at)
            changed = ImportRow.objects.get(pk=found.pk)
            changed.others_changed = bool(set_aside)
        elif request.POST.get("action") == "answer":
            changed = operations.answer_pool_question(
                import_id=pk, sheet=sheet, number=number, besides="besides" in request.POST, by=by, at=at
            )
        else:
            changed = operations.amend_row(import_id=pk, sheet=sheet, number=number, **changes, by=by, at=at)
    except LicensingError as refusal:
        messages.error(request, refusal.sentence)
        return HttpResponseClientRefresh() if request.htmx else redirect_back(request, pk)
    if not request.htmx:
        # In place the row itself says so; a page that is loaded anew begins with this.
        verdict = changed.get_verdict_display()
        messages.success(request, f"la ligne {number} est enregistrée. Verdict : « {verdict} ».")
        return redirect_back(request, pk)
    if changed.others_changed:
        # They may be on this page.
        return HttpResponseClientRefresh()
    chosen = get_row_filter(request)
    context = build_summary_context(
        request, spreadsheet_import, chosen, back=get_return_url(request.POST.get("retour", ""), pk)
    ) | {
        "row": changed,
        "filtered": queries.filter_rows(spreadsheet_import, **chosen.as_row_query()).count(),
        "choices": load_choices(spreadsheet_import, [changed]),
        "out_of_band": True,
        "focused": request.POST.get("action") != "tick",
    }
    return render(request, "imports/_row_changed.html", context)


def _render_row(
    request: OfficeHttpRequest,
    spreadsheet_import: SpreadsheetImport,
    found: ImportRow,
    *,
    typed: Mapping[str, str] | None = None,
    faults: Mapping[str, str] | None = None,
) -> HttpResponse:
    """Return the row with its editing form, which keeps what was `typed` where that was refused with `faults`."""
    if spreadsheet_import.state != ImportState.CHECKED:
        return HttpResponseClientRefresh() if request.htmx else redirect("imports:detail", pk=spreadsheet_import.pk)
    chosen = get_row_filter(request)
    context = build_summary_context(
        request,
        spreadsheet_import,
        # A page of this row alone has nothing above it.
        chosen if request.htmx else replace(chosen, codes_above=frozenset()),
        back=get_return_url((request.POST or request.GET).get("retour", ""), spreadsheet_import.pk),
    )
    context |= {"row": found, "choices": load_choices(spreadsheet_import, [found])}
    if "fermer" in request.GET:
        return render(request, "imports/_row.html", context | {"focused": True})
    query = request.GET.get("ecole", "").strip()[:MAX_EDIT_LENGTH]
    schools = list(search(query)[: MAX_SEARCH_RESULTS + 1]) if query else []
    context |= {
        "open": True,
        "fields": build_fields(Purpose(spreadsheet_import.purpose), found, typed or {}, faults or {}),
        "faulty": next(iter(faults or {}), ""),
        "school_query": query,
        "found": schools[:MAX_SEARCH_RESULTS],
        "more": len(schools) > MAX_SEARCH_RESULTS,
    }
    status = 422 if faults else 200
    if request.htmx:
        return render(request, "imports/_row.html", context, status=status)
    return render(request, "imports/row.html", build_common_context(spreadsheet_import) | context, status=status)


def _requested_changes(
    request: OfficeHttpRequest, found: ImportRow, spreadsheet_import: SpreadsheetImport
) -> dict[str, Any]:
    """Return the keyword arguments of `operations.amend_row` for this request."""
    data = request.POST
    action = data.get("action")
    if action == "choose":
        return {"edits": {Meaning.UAI.value: data.get("uai", "")[:MAX_EDIT_LENGTH]}}
    if action == "revert":
        written = operations.list_written_values(found, spreadsheet_import)
        return {"edits": {Meaning.UNITS.value: written.get(Meaning.UNITS, "")}}
    if action == "resolve":
        conflict_resolution = data.get("conflict_resolution", "")
        return {"conflict_resolution": conflict_resolution if conflict_resolution in ConflictResolution.values else ""}
    decided: dict[str | None, dict[str, Any]] = {
        "tick": {"ticked": "ticked" in data},
        "ignore": {"set_aside": True},
        "restore": {"set_aside": False},
        "await": {"awaited": True},
    }
    names = {meaning.value for fields in EDITABLE_COLUMNS.values() for meaning in fields}
    shown = found.initial_values
    typed = {name: data[name][:MAX_EDIT_LENGTH] for name in sorted(names & set(data))}
    return decided.get(action) or {"edits": {name: text for name, text in typed.items() if text != shown.get(name, "")}}


def get_return_url(address: str, pk: int) -> str:
    """Return the return URL if it belongs to this import, else ""."""
    inside = url_has_allowed_host_and_scheme(address, allowed_hosts=None) and address.startswith(f"/imports/{pk}/")
    return address if inside else ""


def redirect_back(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Redirect to the return URL, or to the import."""
    address = get_return_url(request.POST.get("retour", ""), pk)
    return redirect(address) if address else redirect("imports:detail", pk=pk)
