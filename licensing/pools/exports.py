"""The list of allocations as a workbook. It holds no key."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font

from licensing.catalogue.operations import PARIS
from licensing.pools.queries import AllocationState
from mailing.models import MessageState
from schools.wording import school_name

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from openpyxl.cell import Cell
    from openpyxl.worksheet._write_only import WriteOnlyWorksheet

    from licensing.pools.queries import Told

TITLES = (
    "UAI", "Établissement", "Commune", "Lot", "Licences", "État", "Attribuées à un enseignant", "Adresse e-mail",
    "Dernier e-mail", "Attribuée le", "Activée le",
)  # fmt: skip
WIDTHS = (11, 44, 24, 30, 10, 22, 14, 38, 16, 14, 14)
_BATCH = 2000


def workbook(allocations: QuerySet[Told]) -> bytes:
    """Return an xlsx of the allocations, in the order of the queryset, written row by row."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Attributions")
    for number, width in enumerate(WIDTHS):
        sheet.column_dimensions["ABCDEFGHIJK"[number]].width = width
    sheet.freeze_panes = "A2"
    header = [_text(sheet, title) for title in TITLES]
    for cell in header:
        cell.font = Font(bold=True)
    sheet.append(header)
    for allocation in allocations.iterator(chunk_size=_BATCH):
        redeemed_at = allocation.key.redeemed_at
        message = allocation.message_state
        sheet.append(
            [
                _text(sheet, allocation.school_id),
                _text(sheet, school_name(allocation.school.name)),
                _text(sheet, allocation.school.commune),
                _text(sheet, allocation.pool.name),
                allocation.units,
                _text(sheet, str(AllocationState(allocation.state).label)),
                allocation.held if redeemed_at else None,
                _text(sheet, allocation.recipient),
                _text(sheet, str(MessageState(message).label) if message else ""),
                allocation.created_at.astimezone(PARIS).date(),
                redeemed_at.astimezone(PARIS).date() if redeemed_at else None,
            ]
        )
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def _text(sheet: WriteOnlyWorksheet, value: str) -> Cell:
    """Return a cell that stays text: a school called « =1+1 » must compute nothing on the reader's machine."""
    cell: Cell = WriteOnlyCell(sheet, value)
    cell.data_type = "s"
    # Kept as text even when somebody edits the cell.
    cell.quotePrefix = value[:1] in {"=", "+", "-", "@"}
    return cell
