"""The steps out of the verification: read again, confirm, give up."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from imports import operations, queries
from imports.enums import ImportState
from imports.forms import ConfirmForm, LayoutForm
from imports.models import Import
from imports.views import APPLIERS, PREPARERS
from licensing.exceptions import Refused
from web.access import opened

if TYPE_CHECKING:
    from django.http import HttpResponse

    from collectivities.access import OfficeRequest


@opened(PREPARERS)
@require_POST
def choose(request: OfficeRequest, pk: int) -> HttpResponse:
    """Have the file read again with another sheet, row of titles, column or number."""
    table = get_object_or_404(Import, pk=pk)
    form = LayoutForm(request.POST, table=table)
    if not form.is_valid():
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
        return redirect("imports:detail", pk=pk)
    try:
        operations.choose(import_id=pk, **form.decided(), by=request.member.user, at=timezone.now())
    except Refused as refusal:
        messages.error(request, refusal.sentence)
    return redirect("imports:detail", pk=pk)


@opened(APPLIERS)
@require_http_methods(["GET", "POST"])
def confirm(request: OfficeRequest, pk: int) -> HttpResponse:
    """Say once more what will be done, and do it on the manager's word."""
    table = get_object_or_404(Import.objects.select_related("pool__source"), pk=pk)
    now = timezone.now()
    dates = {
        "today": timezone.localdate(now),
        "last_day": table.pool.source.last_day if table.pool else datetime.date.max,
    }
    if request.method == "POST":
        form = ConfirmForm(request.POST, **dates)
        if form.is_valid():
            try:
                operations.confirm(
                    import_id=pk,
                    digest=form.cleaned_data["digest"],
                    send_on=form.cleaned_data["send_on"],
                    only_valid=form.cleaned_data.get("only_valid", True),
                    typed=form.cleaned_data.get("typed"),
                    by=request.member.user,
                    at=now,
                )
            except Refused as refusal:
                messages.error(request, refusal.sentence)
            return redirect("imports:detail", pk=pk)
    else:
        form = ConfirmForm(initial={"digest": queries.digest(table), "when": ConfirmForm.NOW}, **dates)
    if table.state != ImportState.CHECKED:
        return redirect("imports:detail", pk=pk)
    context = {"table": table, "form": form, "tally": queries.tally(table), "step": 3}
    return render(request, "imports/confirm.html", context)


@opened(PREPARERS)
@require_POST
def cancel(request: OfficeRequest, pk: int) -> HttpResponse:
    """Give the import up."""
    get_object_or_404(Import, pk=pk)
    try:
        operations.cancel(import_id=pk, by=request.member.user, at=timezone.now())
    except Refused as refusal:
        messages.error(request, refusal.sentence)
    else:
        messages.success(request, "Ce tableau est annulé : rien n'en a été attribué.")
    return redirect("imports:list")
