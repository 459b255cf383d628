"""Export of the list of allocations as a workbook, without keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet

from core.calendar import date_in_paris
from core.spreadsheets import WorksheetContent
from core.spreadsheets import build_workbook as write_workbook
from licensing.pools.queries import AnnotatedAllocation
from licensing.pools.situations import Situation
from mailing.models import MessageState
from schools.wording import format_school_name

_COLUMN_TITLES = (
    "UAI", "Établissement", "Commune", "Lot", "Licences", "État", "Utilisées", "Adresse e-mail",
    "Dernier e-mail", "Attribuée le", "Activée le",
)  # fmt: skip
_COLUMN_WIDTHS = (11, 44, 24, 30, 10, 22, 14, 38, 16, 14, 14)
_CHUNK_SIZE = 2000


def build_workbook(allocations: QuerySet[AnnotatedAllocation]) -> bytes:
    """Return the allocations as an xlsx file, in the order of the queryset, written row by row."""
    rows = (_row(allocation) for allocation in allocations.iterator(chunk_size=_CHUNK_SIZE))
    return write_workbook(WorksheetContent("Attributions", _COLUMN_TITLES, _COLUMN_WIDTHS, rows))


def _row(allocation: AnnotatedAllocation) -> Sequence[Any]:
    redeemed_at = allocation.key.redeemed_at
    message = allocation.message_state
    return (
        allocation.school_id,
        format_school_name(allocation.school.name),
        allocation.school.commune,
        allocation.pool.name,
        allocation.units,
        str(Situation(allocation.situation).label),
        allocation.held if redeemed_at else None,
        allocation.recipient,
        str(MessageState(message).label) if message else "",
        date_in_paris(allocation.created_at),
        date_in_paris(redeemed_at) if redeemed_at else None,
    )
