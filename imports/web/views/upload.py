"""Upload a spreadsheet, or the corrected file of an earlier one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from core.calendar import date_in_paris
from imports.enums import Purpose
from imports.models import SpreadsheetImport
from imports.operations.upload import store_upload
from imports.operations.upload import upload as upload_spreadsheet
from imports.web.forms import CorrectedFileForm, ImportUploadForm
from imports.web.views import PREPARERS
from licensing.exceptions import LicensingError
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
        try:
            spreadsheet_import = upload_spreadsheet(
                purpose=Purpose(form.cleaned_data["purpose"]),
                pool_id=pool.pk if pool else None,
                filename=file.name,
                content=file,
                volume=form.cleaned_data["volume"],
                units_for_all=form.cleaned_data["units_for_all"],
                by=request.member.user,
                at=now,
            )
        except LicensingError as refusal:
            # The pool was used up meanwhile.
            form.add_error("pool", refusal.sentence)
        else:
            return redirect("imports:detail", pk=spreadsheet_import.pk)
    if form.errors:
        hint = " Il faudra choisir de nouveau le fichier." if request.FILES else ""
        messages.error(request, f"le fichier n'a pas été déposé. Corrigez ce qui est signalé ci-dessous.{hint}")
    return render(request, "imports/upload.html", {"form": form, "step": 1}, status=422 if form.errors else 200)


@require_policy(PREPARERS)
@require_POST
def corrected(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Upload the corrected file of an import, with the same purpose and pool, whatever its provenance."""
    earlier = get_object_or_404(SpreadsheetImport, pk=pk)
    form = CorrectedFileForm(request.POST, request.FILES)
    if not form.is_valid():
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
        return redirect("imports:detail", pk=pk)
    file = form.cleaned_data["file"]
    spreadsheet_import = store_upload(
        purpose=Purpose(earlier.purpose),
        pool_id=earlier.pool_id,
        filename=file.name,
        content=file,
        units_for_all=None,
        corrects=earlier,
        by=request.member.user,
        at=timezone.now(),
    )
    return redirect("imports:detail", pk=spreadsheet_import.pk)
