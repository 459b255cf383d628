"""Steps after verification: change the layout, confirm, cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from imports import operations, queries
from imports.brake import brake_of
from imports.enums import ImportState, Verdict
from imports.exceptions import RowsInError
from imports.forms import ConfirmForm
from imports.layout_form import LayoutForm
from imports.models import Import
from imports.views import APPLIERS, PREPARERS
from imports.views.detail import frame, questions
from licensing.exceptions import Refused
from web.access import opened

if TYPE_CHECKING:
    from django.http import HttpResponse

    from collectivities.access import OfficeRequest


@opened(PREPARERS)
@require_http_methods(["GET", "POST"])
def choose(request: OfficeRequest, pk: int) -> HttpResponse:
    """Change sheets, header row, columns or volume, and parse the file again."""
    spreadsheet_import = get_object_or_404(Import.objects.select_related("pool__source"), pk=pk)
    if spreadsheet_import.state not in (ImportState.READ, ImportState.CHECKED):
        return redirect("imports:detail", pk=pk)
    form = LayoutForm(request.POST or None, table=spreadsheet_import)
    if request.method == "POST" and form.is_valid():
        try:
            operations.choose(import_id=pk, **form.decided(), by=request.member.user, at=timezone.now())
        except Refused as refusal:
            messages.error(request, refusal.sentence)
        return redirect("imports:detail", pk=pk)
    context = frame(spreadsheet_import) | questions(form)
    return render(request, "imports/layout.html", context, status=422 if form.errors else 200)


@opened(APPLIERS)
@require_http_methods(["GET", "POST"])
def confirm(request: OfficeRequest, pk: int) -> HttpResponse:
    """Show a summary of the effects, and apply the import once confirmed."""
    spreadsheet_import = get_object_or_404(Import.objects.select_related("pool__source"), pk=pk)
    if spreadsheet_import.state != ImportState.CHECKED:
        # Confirmed already, by a double click or another member.
        return redirect("imports:detail", pk=pk)
    now = timezone.now()
    counts = queries.counts_of([pk])[pk]
    tally = queries.tally(spreadsheet_import)
    form_arguments: dict[str, Any] = {
        "today": timezone.localdate(now),
        "last_day": spreadsheet_import.pool.source.last_day if spreadsheet_import.pool else None,
        "brake": brake_of(spreadsheet_import, tally),
        "errors": counts.get(Verdict.ERROR, 0),
    }
    if request.method == "POST":
        form = ConfirmForm(request.POST, **form_arguments)
        if form.is_valid():
            try:
                operations.confirm(
                    import_id=pk,
                    digest=form.cleaned_data["digest"],
                    send_on=form.cleaned_data["send_on"],
                    only_valid=form.cleaned_data["only_valid"],
                    typed=form.cleaned_data["typed"],
                    by=request.member.user,
                    at=now,
                )
            except RowsInError as refusal:
                form.add_error("only_valid", refusal.sentence)
            except Refused as refusal:
                messages.error(request, refusal.sentence)
                return redirect("imports:detail", pk=pk)
            else:
                return redirect("imports:detail", pk=pk)
    else:
        form = ConfirmForm(
            initial={"digest": queries.digest(spreadsheet_import), "when": ConfirmForm.NOW}, **form_arguments
        )
    context = frame(spreadsheet_import) | {
        "form": form,
        "tally": tally,
        "plan": queries.planned(spreadsheet_import) | {"given_back": max(-tally.units, 0)},
        "errors": form_arguments["errors"],
        "conflicts": queries.rows(spreadsheet_import, verdict=Verdict.CONFLICT, ticked=False).count(),
        "unticked": queries.rows(spreadsheet_import, ticked=False).filter(queries.tickable()).count(),
        "step": 3,
    }
    return render(request, "imports/confirm.html", context, status=422 if form.errors else 200)


@opened(PREPARERS)
@require_POST
def cancel(request: OfficeRequest, pk: int) -> HttpResponse:
    """Cancel the import."""
    get_object_or_404(Import, pk=pk)
    try:
        spreadsheet_import = operations.cancel(import_id=pk, by=request.member.user, at=timezone.now())
    except Refused as refusal:
        messages.error(request, refusal.sentence)
        return redirect("imports:detail", pk=pk)
    if spreadsheet_import.state == ImportState.APPLYING:
        messages.info(request, "l'annulation est demandée : le travail s'arrête dès qu'il le peut.")
        return redirect("imports:detail", pk=pk)
    messages.success(request, "ce tableau est annulé : rien n'en a été appliqué.")
    return redirect("imports:list")
