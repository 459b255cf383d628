"""Rows, corrected in place: the part alone for htmx, the whole page again for those without scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRefresh

from imports import operations
from imports.forms import RowForm
from imports.models import Import, ImportRow
from imports.views import PREPARERS
from imports.views.detail import filters_of, summary
from licensing.exceptions import Refused
from web import typography
from web.access import opened

if TYPE_CHECKING:
    from django.http import HttpResponse

    from collectivities.access import OfficeRequest


@opened(PREPARERS)
@require_POST
def amend(request: OfficeRequest, pk: int, number: int) -> HttpResponse:
    """Correct, put aside, take back, tick or untick one row."""
    table = get_object_or_404(Import, pk=pk)
    get_object_or_404(ImportRow, import_id=pk, number=number)
    try:
        row = operations.amend(
            import_id=pk,
            number=number,
            **_wanted(request),
            by=request.member.user,
            at=timezone.now(),
        )
    except Refused as refusal:
        messages.error(request, refusal.sentence)
        return HttpResponseClientRefresh() if request.htmx else _back(request, pk)  # type: ignore[attr-defined]
    if not request.htmx:  # type: ignore[attr-defined]
        return _back(request, pk)
    if row.uai and ImportRow.objects.filter(import_id=pk, uai=row.uai).count() > 1:
        # Other rows of the page changed with it.
        return HttpResponseClientRefresh()
    verdict, text = filters_of(request)
    context = summary(request, table, verdict=verdict, text=text) | {"row": row, "out_of_band": True}
    return render(request, "imports/_row_changed.html", context)


def _wanted(request: OfficeRequest) -> dict[str, Any]:
    match request.POST.get("action"):
        case "tick":
            return {"ticked": "ticked" in request.POST}
        case "ignore":
            return {"set_aside": True}
        case "restore":
            return {"set_aside": False}
    form = RowForm(request.POST)
    form.is_valid()  # what is too long is cut off by nobody: the cell's own check says it
    return {"edits": {name: request.POST[name][:300] for name in form.fields if name in request.POST}}


@opened(PREPARERS)
@require_POST
def tick_all(request: OfficeRequest, pk: int) -> HttpResponse:
    """Tick or untick all rows of the tab and the search that is open."""
    get_object_or_404(Import, pk=pk)
    verdict, text = filters_of(request)
    ticked = request.POST.get("ticked") == "1"
    try:
        changed = operations.tick_all(import_id=pk, ticked=ticked, verdict=verdict, text=text)
    except Refused as refusal:
        messages.error(request, refusal.sentence)
    else:
        agreed = "cochée" if ticked else "décochée"
        messages.success(request, typography.plural(changed, f"ligne {agreed}", f"lignes {agreed}s") + ".")
    return _back(request, pk)


def _back(request: OfficeRequest, pk: int) -> HttpResponse:
    """Return to the page of the list the member came from."""
    address = request.POST.get("retour", "")
    if url_has_allowed_host_and_scheme(address, allowed_hosts=None) and address.startswith(f"/imports/{pk}/"):
        return redirect(address)
    return redirect("imports:detail", pk=pk)
