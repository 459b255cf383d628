"""Undo an applied import, after a preview."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from imports import operations
from imports.models import Import
from imports.views import APPLIERS
from imports.views.detail import frame
from licensing.exceptions import Refused
from web.access import opened

if TYPE_CHECKING:
    from django.http import HttpResponse

    from collectivities.access import OfficeRequest

#: Maximum number of schools listed on the page.
MOST_NAMED = 100


@opened(APPLIERS)
@require_http_methods(["GET", "POST"])
def undo(request: OfficeRequest, pk: int) -> HttpResponse:
    """Preview the effects of undoing, and queue it."""
    spreadsheet_import = get_object_or_404(Import.objects.select_related("pool__source"), pk=pk)
    try:
        if request.method == "POST":
            operations.ask_undo(import_id=pk, by=request.member.user, at=timezone.now())
            return redirect("imports:detail", pk=pk)
        plan = operations.undo_plan(pk)
    except Refused as refusal:
        messages.error(request, refusal.sentence)
        return redirect("imports:detail", pk=pk)
    taken = sorted([*plan.revoked, *plan.reduced], key=lambda one: (one.sheet, one.number))
    context = frame(spreadsheet_import) | {
        "plan": plan,
        "something": bool(taken or plan.removed or plan.restored),
        "shown_taken": taken[:MOST_NAMED],
        "more_taken": max(len(taken) - MOST_NAMED, 0),
        "shown_left": plan.left[:MOST_NAMED],
        "more_left": max(len(plan.left) - MOST_NAMED, 0),
    }
    return render(request, "imports/undo.html", context)
