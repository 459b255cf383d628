"""Export of an office's requests as a workbook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet

from core.calendar import date_in_paris
from core.spreadsheets import WorksheetContent
from core.spreadsheets import build_workbook as write_workbook
from licensing.requests.models import LicenceRequest
from licensing.requests.queries import get_state
from licensing.requests.school_years import format_school_year
from schools.wording import format_school_name

_COLUMN_TITLES = (
    "UAI", "Établissement", "Commune", "Année scolaire", "Demandées", "Motif", "Envoyée le", "État", "Données",
    "Réponse", "Répondue le",
)  # fmt: skip
_COLUMN_WIDTHS = (11, 44, 24, 16, 12, 60, 14, 20, 10, 60, 14)
_CHUNK_SIZE = 2000


def build_workbook(requests: QuerySet[LicenceRequest]) -> bytes:
    """Return the requests as an xlsx file, in the order of the queryset, written row by row."""
    rows = (_row(request) for request in requests.iterator(chunk_size=_CHUNK_SIZE))
    return write_workbook(WorksheetContent("Demandes", _COLUMN_TITLES, _COLUMN_WIDTHS, rows))


def _row(request: LicenceRequest) -> Sequence[Any]:
    return (
        request.school_id,
        format_school_name(request.school.name),
        request.school.commune,
        format_school_year(request.school_year),
        request.units,
        request.reason,
        date_in_paris(request.created_at),
        str(get_state(request).label),
        request.accepted_units,
        request.answer,
        date_in_paris(request.ended_at) if request.ended_at else None,
    )
