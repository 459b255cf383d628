"""Upload page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from core.calendar import date_in_paris
from imports import operations
from imports.enums import Purpose
from imports.web.forms import ImportUploadForm
from imports.web.views import PREPARERS
from web.access import require_policy

if TYPE_CHECKING:
    from django.http import HttpResponse

    from collectivities.access import OfficeHttpRequest


@require_policy(PREPARERS)
@require_http_methods(["GET", "POST"])
def upload(request: OfficeHttpRequest) -> HttpResponse:
    """Upload a file with its purpose. `?but=` preselects the purpose."""
    now = timezone.now()
    requested_purpose = request.GET.get("but")
    form = ImportUploadForm(
        request.POST or None,
        request.FILES or None,
        day=date_in_paris(now),
        initial={"purpose": requested_purpose} if requested_purpose in Purpose.values else None,
    )
    if request.method == "POST" and form.is_valid():
        file, pool = form.cleaned_data["file"], form.cleaned_data["pool"]
        spreadsheet_import = operations.upload(
            purpose=Purpose(form.cleaned_data["purpose"]),
            pool_id=pool.pk if pool else None,
            filename=file.name,
            content=file.read(),
            volume=form.cleaned_data["volume"],
            units_for_all=form.cleaned_data["units_for_all"],
            by=request.member.user,
            at=now,
        )
        return redirect("imports:detail", pk=spreadsheet_import.pk)
    if form.errors:
        hint = " Il faudra choisir de nouveau le fichier." if request.FILES else ""
        messages.error(request, f"le fichier n'a pas été déposé. Corrigez ce qui est signalé ci-dessous.{hint}")
    return render(request, "imports/upload.html", {"form": form, "step": 1}, status=422 if form.errors else 200)
