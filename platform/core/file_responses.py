"""Responses for files: uploads, issued documents, rendered PDFs. Never cached: they may hold personal data or a key."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils.http import content_disposition_header

#: Types that a browser displays without running anything.
_INLINE_TYPES = ("application/pdf", "image/jpeg", "image/png")


def build_file_response(
    content: bytes | bytearray | memoryview, *, name: str, content_type: str, inline: bool = False
) -> HttpResponse:
    """Return a file as a download; with `inline`, shown in the browser if it can display the type safely."""
    if inline and content_type not in _INLINE_TYPES:
        inline, content_type = False, "application/octet-stream"
    response = HttpResponse(bytes(content), content_type=content_type)
    response["Content-Disposition"] = content_disposition_header(not inline, name) or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "no-store"
    return response
