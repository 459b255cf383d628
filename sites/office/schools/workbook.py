"""Export of the list of schools as a workbook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from core.calendar import date_in_paris
from core.spreadsheets import WorksheetContent
from core.spreadsheets import build_workbook as write_workbook
from licensing.pools.queries import KeyLetters
from sites.office.schools.listing import SchoolWithHolding

_NO_LETTERS = KeyLetters()
_COLUMN_TITLES = (
    "UAI", "École", "Code postal", "Commune", "Classes", "Licences", "Activées", "Utilisées", "État", "Contact",
    "Adresse e-mail", "Téléphone", "Envoyée le", "Dernière relance", "Dernier e-mail",
)  # fmt: skip
_COLUMN_WIDTHS = (11, 44, 11, 24, 9, 9, 9, 9, 18, 24, 38, 16, 13, 17, 16)


def build_workbook(schools: Iterable[SchoolWithHolding], letters: Mapping[str, KeyLetters]) -> bytes:
    """Return the schools as an xlsx file, in their order; `letters`: what became of their e-mails, by UAI."""
    rows = (_build_row(listed, letters.get(listed.row.school_id, _NO_LETTERS)) for listed in schools)
    return write_workbook(WorksheetContent("Écoles", _COLUMN_TITLES, _COLUMN_WIDTHS, rows))


def _build_row(listed: SchoolWithHolding, letters: KeyLetters) -> Sequence[Any]:
    row, holding = listed.row, listed.holding
    return (
        row.school_id,
        listed.name,
        row.school.postal_code,
        row.school.commune,
        row.classes,
        holding.units,
        holding.redeemed,
        holding.used,
        listed.state[0],
        row.contact_name,
        row.contact_email or row.school.email,
        row.contact_phone or row.school.phone,
        letters.sent_at and date_in_paris(letters.sent_at),
        letters.reminded_at and date_in_paris(letters.reminded_at),
        letters.state,
    )
