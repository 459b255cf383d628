"""The audit log as an xlsx workbook. Cells are text, never formulas, whatever users typed into a name."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from collectivities.models import AuditEntry

HEADERS = ("Date", "Auteur", "Action", "UAI", "Ce qui s'est passé")
WIDTHS = (18, 28, 26, 12, 100)
#: Limits memory; larger exports are split by the filter's dates.
MAX_ROWS = 100_000


def build_workbook(entries: QuerySet[AuditEntry]) -> bytes:
    """Return the first `MAX_ROWS` entries as an xlsx file."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Journal")
    sheet.freeze_panes = "A2"
    for letter, width in zip("ABCDE", WIDTHS, strict=True):
        sheet.column_dimensions[letter].width = width
    header_cells = [WriteOnlyCell(sheet, value=header) for header in HEADERS]
    for cell in header_cells:
        cell.font = Font(bold=True)
    sheet.append(header_cells)

    def text(value: str) -> Any:
        cell = WriteOnlyCell(sheet, value=ILLEGAL_CHARACTERS_RE.sub("", value))
        # Forces a string: « =1+1 » typed as a name is not a formula.
        cell.data_type = "s"
        return cell

    for entry in entries[:MAX_ROWS].iterator(chunk_size=2000):
        date_cell = WriteOnlyCell(sheet, value=timezone.localtime(entry.at).replace(tzinfo=None, microsecond=0))
        date_cell.number_format = "dd/mm/yyyy hh:mm"
        sheet.append([date_cell, *map(text, (entry.actor_name, entry.action, entry.school_id, entry.summary))])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
