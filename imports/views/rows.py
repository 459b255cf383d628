"""Rows, corrected in place: the part alone for htmx, a page of their own for those without scripts."""

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

#: Fields in which a telephone shows figures first.
NUMBERS = (Meaning.UNITS, Meaning.CLASSES)
#: Schools offered for a row; more are narrowed down by another word.
MOST_FOUND = 10


@opened(PREPARERS)
@require_http_methods(["GET", "POST"])
def row(request: OfficeRequest, pk: int, sheet: int, number: int) -> HttpResponse:
    """Show one row with all that can be corrected in it; correct it, put it aside, settle or tick it."""
    table = get_object_or_404(Import.objects.select_related("pool__source"), pk=pk)
    found = get_object_or_404(ImportRow, import_id=pk, sheet=sheet, number=number)
    if request.method == "GET":
        return _open(request, table, found)
    by, at = request.member.user, timezone.now()
    try:
        if request.POST.get("action") == "add_to_remit":
            operations.add_all_to_remit(import_id=pk, text=found.uai, by=by, at=at)
            changed = ImportRow.objects.get(pk=found.pk)
        else:
            changed = operations.amend(import_id=pk, sheet=sheet, number=number, **_wanted(request), by=by, at=at)
    except Refused as refusal:
        messages.error(request, refusal.sentence)
        return HttpResponseClientRefresh() if request.htmx else back(request, pk)  # type: ignore[attr-defined]
    if not request.htmx:  # type: ignore[attr-defined]
        return back(request, pk)
    if changed.others_changed:
        # They may stand on this page.
        return HttpResponseClientRefresh()
    context = summary(request, table, filter_of(request), back=address_of(request.POST.get("retour", ""), pk)) | {
        "row": changed,
        "out_of_band": True,
        "focused": request.POST.get("action") != "tick",
    }
    return render(request, "imports/_row_changed.html", context)


def _open(request: OfficeRequest, table: Import, found: ImportRow) -> HttpResponse:
    if table.state != ImportState.CHECKED:
        return HttpResponseClientRefresh() if request.htmx else redirect("imports:detail", pk=table.pk)  # type: ignore[attr-defined]
    context = summary(request, table, filter_of(request), back=address_of(request.GET.get("retour", ""), table.pk))
    context["row"] = found
    if "fermer" in request.GET:
        return render(request, "imports/_row.html", context | {"focused": True})
    sought = request.GET.get("ecole", "").strip()[:LONGEST]
    schools = list(search(sought)[: MOST_FOUND + 1]) if sought else []
    context |= {
        "open": True,
        "fields": _fields(table, found),
        "sought": sought,
        "found": schools[:MOST_FOUND],
        "more": len(schools) > MOST_FOUND,
    }
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "imports/_row.html", context)
    return render(request, "imports/row.html", frame(table) | context)


def _fields(table: Import, found: ImportRow) -> list[dict[str, Any]]:
    """Return the fields of the correction, each with what is typed in it and what counts while it is empty."""
    typed = found.typed
    return [
        {
            "name": meaning.value,
            "label": LABELS[meaning],
            "value": typed.get(meaning.value, ""),
            "numeric": meaning in NUMBERS,
            "instead": found.recipient if meaning is Meaning.EMAIL and found.recipient != found.email else "",
        }
        for meaning in FIELDS[Purpose(table.purpose)]
    ]


def _wanted(request: OfficeRequest) -> dict[str, Any]:
    """Return what `operations.amend` is to do."""
    sent = request.POST
    action = sent.get("action")
    if action == "choose":
        return {"edits": {Meaning.UAI.value: sent.get("uai", "")[:LONGEST]}}
    if action == "settle":
        settlement = sent.get("settlement", "")
        return {"settlement": settlement if settlement in Settlement.values else ""}
    decided: dict[str | None, dict[str, Any]] = {
        "tick": {"ticked": "ticked" in sent},
        "ignore": {"set_aside": True},
        "restore": {"set_aside": False},
        "await": {"awaited": True},
    }
    names = {meaning.value for fields in FIELDS.values() for meaning in fields}
    return decided.get(action) or {"edits": {name: sent[name][:LONGEST] for name in sorted(names & set(sent))}}


def address_of(address: str, pk: int) -> str:
    """Return the page of this import that a member comes from, "" where the address is another."""
    inside = url_has_allowed_host_and_scheme(address, allowed_hosts=None) and address.startswith(f"/imports/{pk}/")
    return address if inside else ""


def back(request: OfficeRequest, pk: int) -> HttpResponse:
    """Return to the page of the list the member came from."""
    address = address_of(request.POST.get("retour", ""), pk)
    return redirect(address) if address else redirect("imports:detail", pk=pk)
