"""Annotated workbook: request, poll, download."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from imports.models import AnnotatedFile, Import
from imports.operations import annotating
from imports.views import PREPARERS
from imports.views.listing import download
from licensing.exceptions import Refused
from web.access import opened

if TYPE_CHECKING:
    from django.http import HttpResponse

    from collectivities.access import OfficeRequest


def annotation(spreadsheet_import: Import) -> dict[str, Any]:
    """Return the template context of the annotated workbook."""
    stage = annotating.stage_of(spreadsheet_import, timezone.now())
    file = AnnotatedFile.objects.defer("content").filter(pk=spreadsheet_import.pk).first()
    return {"table": spreadsheet_import, "stage": stage.value, "annotated": file}


@opened(PREPARERS)
@require_http_methods(["GET", "POST"])
def annotate(request: OfficeRequest, pk: int) -> HttpResponse:
    """Queue the workbook and render its state; without htmx, redirect to the import."""
    spreadsheet_import = get_object_or_404(Import, pk=pk)
    if request.method == "POST":
        try:
            annotating.ask(import_id=pk, at=timezone.now())
        except Refused as refusal:
            messages.error(request, refusal.sentence)
            return redirect("imports:detail", pk=pk)
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect("imports:detail", pk=pk)
    return render(request, "imports/_annotated.html", annotation(spreadsheet_import))


@opened(PREPARERS)
@require_GET
def annotated_file(_request: OfficeRequest, pk: int) -> HttpResponse:
    """Download the annotated workbook, named after the original file."""
    spreadsheet_import = get_object_or_404(Import, pk=pk)
    file = get_object_or_404(AnnotatedFile.objects.exclude(made_at=None), pk=pk)
    return download(bytes(file.content), f"{PurePath(spreadsheet_import.filename).stem} – annoté{file.suffix}")
