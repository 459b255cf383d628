"""Edit rows: a partial for htmx, a full page without scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRefresh

from imports import operations
from imports.corrections import FIELDS, LONGEST
from imports.enums import ImportState, Purpose, Settlement
from imports.meanings import LABELS, Meaning
from imports.models import Import, ImportRow
from imports.views import PREPARERS
from imports.views.detail import frame
from imports.views.verification import filter_of, summary
from licensing.exceptions import Refused
from schools.queries import search
from web.access import opened

if TYPE_CHECKING:
    from django.http import HttpResponse

    from collectivities.access import OfficeRequest

#: Fields with a numeric keyboard.
NUMBERS = (Meaning.UNITS, Meaning.CLASSES)
#: Maximum number of search results shown for a row.
MOST_FOUND = 10


@opened(PREPARERS)
@require_http_methods(["GET", "POST"])
def row(request: OfficeRequest, pk: int, sheet: int, number: int) -> HttpResponse:
    """Show a row with its editing form; edit it, set it aside, resolve its conflict or tick it."""
    spreadsheet_import = get_object_or_404(Import.objects.select_related("pool__source"), pk=pk)
    found = get_object_or_404(ImportRow, import_id=pk, sheet=sheet, number=number)
    if request.method == "GET":
        return _render_row(request, spreadsheet_import, found)
    by, at = request.member.user, timezone.now()
    try:
        if request.POST.get("action") == "add_to_remit":
            operations.add_all_to_remit(import_id=pk, text=found.uai, by=by, at=at)
            changed = ImportRow.objects.get(pk=found.pk)
        else:
            changed = operations.amend(
                import_id=pk, sheet=sheet, number=number, **_requested_changes(request), by=by, at=at
            )
    except Refused as refusal:
        messages.error(request, refusal.sentence)
        return HttpResponseClientRefresh() if request.htmx else back(request, pk)  # type: ignore[attr-defined]
    if not request.htmx:  # type: ignore[attr-defined]
        return back(request, pk)
    if changed.others_changed:
        # They may be on this page.
        return HttpResponseClientRefresh()
    context = summary(
        request, spreadsheet_import, filter_of(request), back=address_of(request.POST.get("retour", ""), pk)
    ) | {
        "row": changed,
        "out_of_band": True,
        "focused": request.POST.get("action") != "tick",
    }
    return render(request, "imports/_row_changed.html", context)


def _render_row(request: OfficeRequest, spreadsheet_import: Import, found: ImportRow) -> HttpResponse:
    if spreadsheet_import.state != ImportState.CHECKED:
        return HttpResponseClientRefresh() if request.htmx else redirect("imports:detail", pk=spreadsheet_import.pk)  # type: ignore[attr-defined]
    context = summary(
        request,
        spreadsheet_import,
        filter_of(request),
        back=address_of(request.GET.get("retour", ""), spreadsheet_import.pk),
    )
    context["row"] = found
    if "fermer" in request.GET:
        return render(request, "imports/_row.html", context | {"focused": True})
    query = request.GET.get("ecole", "").strip()[:LONGEST]
    schools = list(search(query)[: MOST_FOUND + 1]) if query else []
    context |= {
        "open": True,
        "fields": _fields(spreadsheet_import, found),
        "sought": query,
        "found": schools[:MOST_FOUND],
        "more": len(schools) > MOST_FOUND,
    }
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "imports/_row.html", context)
    return render(request, "imports/row.html", frame(spreadsheet_import) | context)


def _fields(spreadsheet_import: Import, found: ImportRow) -> list[dict[str, Any]]:
    """Return the fields of the editing form, each with its value and its fallback."""
    values = found.typed
    return [
        {
            "name": meaning.value,
            "label": LABELS[meaning],
            "value": values.get(meaning.value, ""),
            "numeric": meaning in NUMBERS,
            "instead": found.recipient if meaning is Meaning.EMAIL and found.recipient != found.email else "",
        }
        for meaning in FIELDS[Purpose(spreadsheet_import.purpose)]
    ]


def _requested_changes(request: OfficeRequest) -> dict[str, Any]:
    """Return the keyword arguments of `operations.amend_row` for this request."""
    data = request.POST
    action = data.get("action")
    if action == "choose":
        return {"edits": {Meaning.UAI.value: data.get("uai", "")[:LONGEST]}}
    if action == "settle":
        settlement = data.get("settlement", "")
        return {"settlement": settlement if settlement in Settlement.values else ""}
    decided: dict[str | None, dict[str, Any]] = {
        "tick": {"ticked": "ticked" in data},
        "ignore": {"set_aside": True},
        "restore": {"set_aside": False},
        "await": {"awaited": True},
    }
    names = {meaning.value for fields in FIELDS.values() for meaning in fields}
    return decided.get(action) or {"edits": {name: data[name][:LONGEST] for name in sorted(names & set(data))}}


def address_of(address: str, pk: int) -> str:
    """Return the return URL if it belongs to this import, else ""."""
    inside = url_has_allowed_host_and_scheme(address, allowed_hosts=None) and address.startswith(f"/imports/{pk}/")
    return address if inside else ""


def back(request: OfficeRequest, pk: int) -> HttpResponse:
    """Redirect to the return URL, or to the import."""
    address = address_of(request.POST.get("retour", ""), pk)
    return redirect(address) if address else redirect("imports:detail", pk=pk)
