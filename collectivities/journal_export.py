"""The audit log as an xlsx workbook."""

from __future__ import annotations

from django.db.models import QuerySet

from collectivities.journal_wording import describe_action
from collectivities.models import AuditEntry
from core.calendar import PARIS
from core.spreadsheets import WorksheetContent
from core.spreadsheets import build_workbook as write_workbook

HEADERS = ("Date", "Auteur", "Identifiant", "Action", "UAI", "Ce qui s'est passé")
WIDTHS = (18, 28, 20, 26, 12, 100)
#: Limits memory; larger exports are split by the filter's dates.
MAX_ROWS = 100_000


def build_workbook(entries: QuerySet[AuditEntry]) -> bytes:
    """Return the first `MAX_ROWS` entries as an xlsx file."""
    rows = (
        (
            entry.at.astimezone(PARIS).replace(tzinfo=None, microsecond=0),
            entry.actor_name,
            entry.actor_username,
            describe_action(entry.action),
            entry.school_id,
            entry.summary,
        )
        for entry in entries[:MAX_ROWS].iterator(chunk_size=2000)
    )
    return write_workbook(WorksheetContent("Journal", HEADERS, WIDTHS, rows, moment_format="dd/mm/yyyy hh:mm"))
