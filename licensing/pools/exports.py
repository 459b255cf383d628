"""Export of the list of allocations as a workbook, without keys."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font

from core.calendar import date_in_paris
from licensing.pools.queries import AllocationState
from mailing.models import MessageState
from schools.wording import format_school_name

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from openpyxl.cell import Cell
    from openpyxl.worksheet._write_only import WriteOnlyWorksheet

    from licensing.pools.queries import AnnotatedAllocation

_COLUMN_TITLES = (
    "UAI", "Établissement", "Commune", "Lot", "Licences", "État", "Attribuées à un enseignant", "Adresse e-mail",
    "Dernier e-mail", "Attribuée le", "Activée le",
)  # fmt: skip
_COLUMN_WIDTHS = (11, 44, 24, 30, 10, 22, 14, 38, 16, 14, 14)
_CHUNK_SIZE = 2000


def build_workbook(allocations: QuerySet[AnnotatedAllocation]) -> bytes:
    """Return the allocations as an xlsx file, in the order of the queryset, written row by row."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Attributions")
    for number, width in enumerate(_COLUMN_WIDTHS):
        sheet.column_dimensions["ABCDEFGHIJK"[number]].width = width
    sheet.freeze_panes = "A2"
    header = [_text_cell(sheet, title) for title in _COLUMN_TITLES]
    for cell in header:
        cell.font = Font(bold=True)
    sheet.append(header)
    for allocation in allocations.iterator(chunk_size=_CHUNK_SIZE):
        redeemed_at = allocation.key.redeemed_at
        message = allocation.message_state
        sheet.append(
            [
                _text_cell(sheet, allocation.school_id),
                _text_cell(sheet, format_school_name(allocation.school.name)),
                _text_cell(sheet, allocation.school.commune),
                _text_cell(sheet, allocation.pool.name),
                allocation.units,
                _text_cell(sheet, str(AllocationState(allocation.state).label)),
                allocation.held if redeemed_at else None,
                _text_cell(sheet, allocation.recipient),
                _text_cell(sheet, str(MessageState(message).label) if message else ""),
                date_in_paris(allocation.created_at),
                date_in_paris(redeemed_at) if redeemed_at else None,
            ]
        )
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def _text_cell(sheet: WriteOnlyWorksheet, value: str) -> Cell:
    """Return a text cell: a school named « =1+1 » must not become a formula."""
    cell: Cell = WriteOnlyCell(sheet, value)
    cell.data_type = "s"
    # Stays text when the cell is edited.
    cell.quotePrefix = value[:1] in {"=", "+", "-", "@"}
    return cell
