"""Downloads of uploaded files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponse
from django.utils.http import content_disposition_header

if TYPE_CHECKING:
    from licensing.orders.models import PurchaseOrderScan


def build_scan_response(scan: PurchaseOrderScan) -> HttpResponse:
    """Return a signed purchase order as an attachment: an untrusted upload, never displayed inline."""
    response = HttpResponse(bytes(scan.content), content_type=scan.content_type)
    disposition = content_disposition_header(as_attachment=True, filename=scan.filename)
    response["Content-Disposition"] = disposition or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "no-store"
    return response
