"""Certificates of deletion, to read and to print: for the teacher and for the school, and nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from django.http import Http404
from django.shortcuts import render
from django.views.decorators.http import require_safe

from licensing.classes import certificates
from web.access import signed_in

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from accounts.models import User


@signed_in
@require_safe
def certificate_list(request: HttpRequest) -> HttpResponse:
    """List those that concern the reader."""
    readable = certificates.readable_by(cast("User", request.user))
    return render(request, "classes/certificates.html", {"certificates": readable})


@signed_in
@require_safe
def certificate(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one."""
    content = {"title": certificates.TITLE, "one": _found(request, pk), "statement": certificates.STATEMENT}
    return render(request, "classes/certificate.html", content)


@signed_in
@require_safe
def certificate_print(request: HttpRequest, pk: int) -> HttpResponse:
    """Return one as a PDF."""
    return certificates.printed(_found(request, pk))


def _found(request: HttpRequest, pk: int) -> certificates.Readable:
    found = certificates.find(cast("User", request.user), pk)
    if found is None:
        raise Http404
    return found
