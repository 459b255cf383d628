"""Awaited schools that are now in the directory: notices, and resuming them."""

from __future__ import annotations

import datetime
from typing import NamedTuple

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from collectivities.access import OfficeHttpRequest
from imports.enums import Purpose
from imports.models import SpreadsheetImport
from imports.operations import awaited_rows
from imports.web.views import PREPARERS
from licensing.exceptions import LicensingError
from web.access import require_policy

#: Maximum number of notices.
MAX_NOTICES = 5


class ArrivalNotice(NamedTuple):
    """Arrived schools of an import; `ended`: its pool has ended, and another must be chosen."""

    spreadsheet_import: SpreadsheetImport
    schools: int
    ended: bool


def list_notices(at: datetime.datetime) -> list[ArrivalNotice]:
    """Return the notices shown above the list."""
    return [
        ArrivalNotice(
            arrival.spreadsheet_import,
            arrival.schools,
            arrival.spreadsheet_import.purpose == Purpose.ALLOCATION
            and not awaited_rows.is_pool_open(arrival.spreadsheet_import.pool, at),
        )
        for arrival in awaited_rows.list_arrivals()[:MAX_NOTICES]
    ]


@require_policy(PREPARERS)
@require_POST
def resume_arrived(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Resume the arrived schools, in the import itself or in a follow-up."""
    get_object_or_404(SpreadsheetImport, pk=pk)
    pool = request.POST.get("pool", "")
    try:
        spreadsheet_import = awaited_rows.resume_arrived(
            import_id=pk,
            pool_id=int(pool) if pool.isascii() and pool.isdecimal() else None,
            by=request.member.user,
            at=timezone.now(),
        )
    except LicensingError as refusal:
        messages.error(request, refusal.sentence)
        return redirect("imports:list")
    return redirect("imports:detail", pk=spreadsheet_import.pk)
