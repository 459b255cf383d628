"""The steps out of the verification: read again, confirm, give up."""

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
    """Have the file read again with other sheets, row of titles, columns or volume."""
    table = get_object_or_404(Import.objects.select_related("pool__source"), pk=pk)
    if table.state not in (ImportState.READ, ImportState.CHECKED):
        return redirect("imports:detail", pk=pk)
    form = LayoutForm(request.POST or None, table=table)
    if request.method == "POST" and form.is_valid():
        try:
            operations.choose(import_id=pk, **form.decided(), by=request.member.user, at=timezone.now())
        except Refused as refusal:
            messages.error(request, refusal.sentence)
        return redirect("imports:detail", pk=pk)
    context = frame(table) | questions(form)
    return render(request, "imports/layout.html", context, status=422 if form.errors else 200)


@opened(APPLIERS)
@require_http_methods(["GET", "POST"])
def confirm(request: OfficeRequest, pk: int) -> HttpResponse:
    """Say once more what will be done, and do it on the manager's word."""
    table = get_object_or_404(Import.objects.select_related("pool__source"), pk=pk)
    if table.state != ImportState.CHECKED:
        # Confirmed already, by a second click or by another member: the page says how far it is.
        return redirect("imports:detail", pk=pk)
    now = timezone.now()
    counts = queries.counts_of([pk])[pk]
    tally = queries.tally(table)
    asked: dict[str, Any] = {
        "today": timezone.localdate(now),
        "last_day": table.pool.source.last_day if table.pool else None,
        "brake": brake_of(table, tally),
        "errors": counts.get(Verdict.ERROR, 0),
    }
    if request.method == "POST":
        form = ConfirmForm(request.POST, **asked)
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
        form = ConfirmForm(initial={"digest": queries.digest(table), "when": ConfirmForm.NOW}, **asked)
    context = frame(table) | {
        "form": form,
        "tally": tally,
        "plan": queries.planned(table) | {"given_back": max(-tally.units, 0)},
        "errors": asked["errors"],
        "conflicts": queries.rows(table, verdict=Verdict.CONFLICT, ticked=False).count(),
        "unticked": queries.rows(table, ticked=False).filter(queries.tickable()).count(),
        "step": 3,
    }
    return render(request, "imports/confirm.html", context, status=422 if form.errors else 200)


@opened(PREPARERS)
@require_POST
def cancel(request: OfficeRequest, pk: int) -> HttpResponse:
    """Give the import up."""
    get_object_or_404(Import, pk=pk)
    try:
        table = operations.cancel(import_id=pk, by=request.member.user, at=timezone.now())
    except Refused as refusal:
        messages.error(request, refusal.sentence)
        return redirect("imports:detail", pk=pk)
    if table.state == ImportState.APPLYING:
        messages.info(request, "l'annulation est demandée : le travail s'arrête dès qu'il le peut.")
        return redirect("imports:detail", pk=pk)
    messages.success(request, "ce tableau est annulé : rien n'en a été appliqué.")
    return redirect("imports:list")
