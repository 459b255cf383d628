"""Upload a spreadsheet, the corrected file of an earlier one, or the same for its licences."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from collectivities.access import OfficeHttpRequest
from collectivities.models import Role
from core.calendar import date_in_paris
from imports.enums import ImportState, Purpose
from imports.models import SpreadsheetImport
from imports.operations.upload import store_upload, upload_again
from imports.operations.upload import upload as upload_spreadsheet
from imports.web.forms import CorrectedFileForm, ImportUploadForm
from imports.web.views import PREPARERS
from licensing.exceptions import LicensingError
from web.access import require_policy

#: Of the number of a lot.
MAX_DIGITS = 18
UPLOADED = "le tableau est déposé : il est lu, puis chaque ligne est vérifiée."


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
            messages.success(request, UPLOADED)
            return redirect("imports:detail", pk=spreadsheet_import.pk)
    hint = " Il faudra choisir de nouveau le fichier." if request.FILES else ""
    context = {"form": form, "step": 1, "left_undone": f"Le fichier n’a pas été déposé.{hint}"}
    context["buys"] = Role.BUYER in request.member.roles
    return render(request, "imports/upload.html", context, status=422 if form.errors else 200)


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
    messages.success(request, UPLOADED)
    return redirect("imports:detail", pk=spreadsheet_import.pk)


@require_policy(PREPARERS)
@require_POST
def give(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Read the file of an applied list of schools again, for the licences that it asks for. Nothing is given yet."""
    earlier = get_object_or_404(SpreadsheetImport, pk=pk)
    if earlier.purpose != Purpose.PORTFOLIO or earlier.state != ImportState.APPLIED:
        # Undone meanwhile.
        return redirect("imports:detail", pk=pk)
    pool = request.POST.get("pool", "")
    try:
        spreadsheet_import = upload_again(
            earlier,
            pool_id=int(pool) if pool.isascii() and pool.isdecimal() and len(pool) <= MAX_DIGITS else None,
            by=request.member.user,
            at=timezone.now(),
        )
    except LicensingError as refusal:
        messages.error(request, refusal.sentence)
        return redirect("imports:detail", pk=pk)
    return redirect("imports:detail", pk=spreadsheet_import.pk)
