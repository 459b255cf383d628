"""Annotated workbook: request, poll, download."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from collectivities.access import OfficeHttpRequest
from core.file_responses import build_file_response
from imports.enums import ImportState
from imports.models import AnnotatedFile, SpreadsheetImport
from imports.operations import annotation
from imports.web.views import PREPARERS
from licensing.exceptions import LicensingError
from web.access import require_policy


def build_annotation_context(spreadsheet_import: SpreadsheetImport) -> dict[str, Any]:
    """Return the template context of the annotated workbook."""
    stage = annotation.get_annotation_state(spreadsheet_import, timezone.now())
    file = AnnotatedFile.objects.defer("content").filter(pk=spreadsheet_import.pk).first()
    return {"spreadsheet_import": spreadsheet_import, "stage": stage.value, "annotated": file}


@require_policy(PREPARERS)
@require_http_methods(["GET", "POST"])
def annotate(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Queue the workbook and render its state; without htmx, redirect to the import."""
    spreadsheet_import = get_object_or_404(SpreadsheetImport, pk=pk)
    if request.method == "POST":
        try:
            annotation.request_annotation(import_id=pk, at=timezone.now())
        except LicensingError as refusal:
            messages.error(request, refusal.sentence)
            return redirect("imports:detail", pk=pk)
    if not request.htmx:
        return redirect("imports:detail", pk=pk)
    return render(request, "imports/_annotated.html", build_annotation_context(spreadsheet_import))


@require_policy(PREPARERS)
@require_GET
def annotated_file(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Download the annotated workbook, named after the original file; lead to the import where there is none."""
    spreadsheet_import = get_object_or_404(SpreadsheetImport, pk=pk)
    file = AnnotatedFile.objects.filter(pk=pk).first()
    if file is None:
        # Elsewhere the page offers none.
        if spreadsheet_import.state == ImportState.CHECKED:
            messages.info(request, "ce tableau annoté n'est plus gardé : préparez-le de nouveau s'il vous le faut.")
        return redirect("imports:detail", pk=pk)
    if file.made_at is None:
        raise Http404("It is being built, or could not be.")
    name = f"{PurePath(spreadsheet_import.filename).stem} – annoté{file.suffix}"
    return build_file_response(file.content, name=name, content_type="application/octet-stream")
