"""Files that the desk hands out as they are kept: scans of buyers, and the documents that were issued."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils.http import content_disposition_header

#: What a browser shows without running anything; the rest is saved.
SHOWN = ("application/pdf", "image/jpeg", "image/png")


def answer(content: bytes | memoryview, *, name: str, content_type: str) -> HttpResponse:
    """Return a file that no cache keeps, opened beside the desk where browsers can show it."""
    shown = content_type in SHOWN
    response = HttpResponse(bytes(content), content_type=content_type if shown else "application/octet-stream")
    response["Content-Disposition"] = content_disposition_header(not shown, name) or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "no-store"
    return response
