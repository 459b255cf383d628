"""All imports, a new one, and the file of one as it came."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET, require_http_methods

from accounts.models import User
from collectivities.access import office
from imports import operations, queries
from imports.enums import APPLICABLE
from imports.forms import UploadForm
from imports.models import Import, ImportFile
from imports.views import PREPARERS
from web.access import opened

if TYPE_CHECKING:
    from django.http import HttpRequest

    from collectivities.access import OfficeRequest

PER_PAGE = 25


@office()
@require_GET
def imports(request: OfficeRequest) -> HttpResponse:
    """Who imported what, and what became of it. Every member sees the counts; preparers open the tables."""
    page = Paginator(queries.imports_list(), PER_PAGE).get_page(request.GET.get("page"))
    tables = list(page.object_list)
    counts = queries.counts_of([table.pk for table in tables])
    people = User.objects.in_bulk({table.created_by_id for table in tables if table.created_by_id})
    lines = [
        {
            "table": table,
            "who": people.get(table.created_by_id or 0),
            "rows": sum(counts[table.pk].values()),
            "applicable": sum(counts[table.pk].get(verdict, 0) for verdict in APPLICABLE),
            "errors": counts[table.pk].get("error", 0),
        }
        for table in tables
    ]
    prepares = bool(PREPARERS.roles & set(request.member.roles))
    return render(request, "imports/list.html", {"page_obj": page, "lines": lines, "prepares": prepares})


@opened(PREPARERS)
@require_http_methods(["GET", "POST"])
def upload(request: OfficeRequest) -> HttpResponse:
    """Choose a file and a lot."""
    now = timezone.now()
    form = UploadForm(request.POST or None, request.FILES or None, day=timezone.localdate(now))
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        table = operations.upload(
            pool_id=form.cleaned_data["pool"].pk,
            filename=file.name,
            content=file.read(),
            units_for_all=form.cleaned_data["units_for_all"],
            by=request.member.user,
            at=now,
        )
        return redirect("imports:detail", pk=table.pk)
    if form.errors:
        messages.error(request, "Le fichier n'a pas été déposé : corrigez ce qui est signalé ci-dessous.")
    return render(
        request,
        "imports/upload.html",
        {"form": form, "has_pools": form.fields["pool"].queryset.exists(), "step": 1},  # type: ignore[attr-defined]
    )


@opened(PREPARERS)
@require_GET
def original(_request: HttpRequest, pk: int) -> HttpResponse:
    """The file as it was uploaded: always as a download, whatever it holds."""
    table = get_object_or_404(Import, pk=pk)
    file = get_object_or_404(ImportFile, pk=pk)
    return HttpResponse(
        bytes(file.content),
        content_type="application/octet-stream",
        headers={
            "Content-Disposition": content_disposition_header(as_attachment=True, filename=table.filename),
            "X-Content-Type-Options": "nosniff",
        },
    )
