"""« Télécharger le tableau annoté »: asked for, waited for, downloaded."""

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


def annotation(table: Import) -> dict[str, Any]:
    """Return how far the annotated workbook of an import is, for its place on the page."""
    stage = annotating.stage_of(table, timezone.now())
    file = AnnotatedFile.objects.defer("content").filter(pk=table.pk).first()
    return {"table": table, "stage": stage.value, "annotated": file}


@opened(PREPARERS)
@require_http_methods(["GET", "POST"])
def annotate(request: OfficeRequest, pk: int) -> HttpResponse:
    """Have the workbook made, and say how far it is; whoever has no scripts goes back to the page that says it."""
    table = get_object_or_404(Import, pk=pk)
    if request.method == "POST":
        try:
            annotating.ask(import_id=pk, at=timezone.now())
        except Refused as refusal:
            messages.error(request, refusal.sentence)
            return redirect("imports:detail", pk=pk)
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect("imports:detail", pk=pk)
    return render(request, "imports/_annotated.html", annotation(table))


@opened(PREPARERS)
@require_GET
def annotated_file(_request: OfficeRequest, pk: int) -> HttpResponse:
    """Return the workbook with its faults marked, under the name of the file that it is made of."""
    table = get_object_or_404(Import, pk=pk)
    file = get_object_or_404(AnnotatedFile.objects.exclude(made_at=None), pk=pk)
    return download(bytes(file.content), f"{PurePath(table.filename).stem} – annoté{file.suffix}")
