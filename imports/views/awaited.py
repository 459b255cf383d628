"""Awaited schools that are now in the directory: notices, and resuming them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from imports.enums import Purpose
from imports.models import Import
from imports.operations import awaited
from imports.views import PREPARERS
from licensing.exceptions import Refused
from web.access import opened

if TYPE_CHECKING:
    import datetime

    from django.http import HttpResponse

    from collectivities.access import OfficeRequest

#: Maximum number of notices.
MOST_NAMED = 5


class Notice(NamedTuple):
    """Arrived schools of an import; `ended`: its pool has ended, and another must be chosen."""

    table: Import
    schools: int
    ended: bool


def notices(at: datetime.datetime) -> list[Notice]:
    """Return the notices shown above the list."""
    return [
        Notice(
            arrival.table,
            arrival.schools,
            arrival.table.purpose == Purpose.ATTRIBUTION and not awaited.lot_is_open(arrival.table.pool, at),
        )
        for arrival in awaited.arrived()[:MOST_NAMED]
    ]


@opened(PREPARERS)
@require_POST
def take_up(request: OfficeRequest, pk: int) -> HttpResponse:
    """Resume the arrived schools, in the import itself or in a follow-up."""
    get_object_or_404(Import, pk=pk)
    pool = request.POST.get("pool", "")
    try:
        spreadsheet_import = awaited.take_up(
            import_id=pk,
            pool_id=int(pool) if pool.isascii() and pool.isdecimal() else None,
            by=request.member.user,
            at=timezone.now(),
        )
    except Refused as refusal:
        messages.error(request, refusal.sentence)
        return redirect("imports:list")
    return redirect("imports:detail", pk=spreadsheet_import.pk)
