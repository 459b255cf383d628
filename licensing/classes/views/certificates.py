"""Pages of deletion certificates, for the teacher and the school only."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.requests import AuthenticatedRequest
from licensing.classes import certificates
from web.access import signed_in


@signed_in
@require_safe
def certificate_list(request: AuthenticatedRequest) -> HttpResponse:
    """List the certificates that the user may read."""
    readable = certificates.list_readable(request.user)
    return render(request, "classes/certificates.html", {"certificates": readable})


@signed_in
@require_safe
def certificate(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Show one certificate."""
    content = {
        "title": certificates.TITLE,
        "one": _get_certificate_or_404(request, pk),
        "statement": certificates.STATEMENT,
    }
    return render(request, "classes/certificate.html", content)


@signed_in
@require_safe
def certificate_print(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Return one certificate as a PDF."""
    return certificates.render_pdf(_get_certificate_or_404(request, pk))


def _get_certificate_or_404(request: AuthenticatedRequest, pk: int) -> certificates.ReadableCertificate:
    found = certificates.find_readable(request.user, pk)
    if found is None:
        raise Http404
    return found
