"""Undo an applied import, after a preview."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from imports import operations
from imports.models import SpreadsheetImport
from imports.web.views import APPLIERS
from imports.web.views.detail import build_common_context
from licensing.exceptions import LicensingError
from web.access import require_policy

if TYPE_CHECKING:
    from django.http import HttpResponse

    from collectivities.access import OfficeHttpRequest

#: Maximum number of schools listed on the page.
MAX_LISTED = 100


@require_policy(APPLIERS)
@require_http_methods(["GET", "POST"])
def undo(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Preview the effects of undoing, and queue it."""
    spreadsheet_import = get_object_or_404(SpreadsheetImport.objects.select_related("pool__entitlement"), pk=pk)
    try:
        if request.method == "POST":
            operations.request_undo(import_id=pk, by=request.member.user, at=timezone.now())
            return redirect("imports:detail", pk=pk)
        plan = operations.get_undo_plan(pk)
    except LicensingError as refusal:
        messages.error(request, refusal.sentence)
        return redirect("imports:detail", pk=pk)
    taken = sorted([*plan.revoked, *plan.reduced], key=lambda one: (one.sheet, one.number))
    context = build_common_context(spreadsheet_import) | {
        "plan": plan,
        "something": bool(taken or plan.removed or plan.restored),
        "shown_taken": taken[:MAX_LISTED],
        "more_taken": max(len(taken) - MAX_LISTED, 0),
        "shown_left": plan.left[:MAX_LISTED],
        "more_left": max(len(plan.left) - MAX_LISTED, 0),
    }
    return render(request, "imports/undo.html", context)
