"""Responses for stored files: scans uploaded by buyers, and issued documents."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils.http import content_disposition_header

#: Types that a browser displays without running anything; the others are downloads.
_INLINE_TYPES = ("application/pdf", "image/jpeg", "image/png")


def build_file_response(content: bytes | memoryview, *, name: str, content_type: str) -> HttpResponse:
    """Return an uncached file response, inline where the browser can display the type safely."""
    inline = content_type in _INLINE_TYPES
    response = HttpResponse(bytes(content), content_type=content_type if inline else "application/octet-stream")
    response["Content-Disposition"] = content_disposition_header(not inline, name) or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "no-store"
    return response
