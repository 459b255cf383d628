"""The journal as a workbook. Cells are text and never formulas, whatever people wrote into a name."""

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
#: A workbook of more lines takes memory for nothing: the filter's dates cut it into parts.
MOST_LINES = 100_000


def workbook(entries: QuerySet[AuditEntry]) -> bytes:
    """Return the entries, the latest `MOST_LINES` of them, as an xlsx file."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Journal")
    sheet.freeze_panes = "A2"
    for letter, width in zip("ABCDE", WIDTHS, strict=True):
        sheet.column_dimensions[letter].width = width
    heads = [WriteOnlyCell(sheet, value=header) for header in HEADERS]
    for head in heads:
        head.font = Font(bold=True)
    sheet.append(heads)

    def text(value: str) -> Any:
        cell = WriteOnlyCell(sheet, value=ILLEGAL_CHARACTERS_RE.sub("", value))
        # « =1+1 » typed as a name stays those four characters.
        cell.data_type = "s"
        return cell

    for entry in entries[:MOST_LINES].iterator(chunk_size=2000):
        moment = WriteOnlyCell(sheet, value=timezone.localtime(entry.at).replace(tzinfo=None, microsecond=0))
        moment.number_format = "dd/mm/yyyy hh:mm"
        sheet.append([moment, *map(text, (entry.actor_name, entry.action, entry.school_id, entry.summary))])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
