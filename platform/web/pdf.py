"""Documents that people print: in French, with QR codes, in one of two families of letters.

Andika, drawn for those who learn to read, for what pupils hold; Source Sans 3, drawn for columns of figures, for
quotes, purchase orders and invoices. Both come from the packages pinned in `package.json`. A document is made where it
is asked for, in memory, in some tens of milliseconds a page.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import segno
from django.conf import settings
from django.http import HttpResponse
from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.fonts import TTFFont

if TYPE_CHECKING:
    import datetime

#: What pupils and their teachers hold.
LEARNERS = "Andika"
#: What accountants read.
OFFICES = "Source Sans 3"
A4_WIDTH = 210
_FONTS = {
    LEARNERS: {"": "andika/Andika_400Regular.ttf", "B": "andika/Andika_700Bold.ttf"},
    OFFICES: {
        "": "source-sans-3/400Regular/SourceSans3_400Regular.ttf",
        "B": "source-sans-3/700Bold/SourceSans3_700Bold.ttf",
    },
}


class Document(FPDF):
    """An A4 document in millimetres, with its letters, its title and its language."""

    def __init__(
        self,
        *,
        title: str,
        at: datetime.datetime,
        margin: float = 20,
        family: str = LEARNERS,
        compliance: str | None = None,
    ) -> None:
        """Begin a document; `compliance`: the standard that it keeps to, « PDF/A-3B », where it is kept for years."""
        super().__init__(format="A4", unit="mm", enforce_compliance=compliance)
        self._letters = family
        for style, file in _FONTS[family].items():
            self.add_font(family, style, settings.PDF_FONTS / file)
        self.set_title(title)
        self.set_lang("fr")
        self.set_author("Pep's")
        self.set_creation_date(at)
        self.set_margins(margin, margin)
        self.set_auto_page_break(auto=True, margin=margin)
        self.write_in(11)

    def normalize_text(self, text: str) -> str:
        """Return the text as it can be drawn: what the letters lack, an emoji in a name, becomes « ? ».

        Left to fpdf it would be drawn as nothing, with a warning in the log, and archives refuse such a document.
        """
        known = self.current_font.cmap if isinstance(self.current_font, TTFFont) else {}
        composed = unicodedata.normalize("NFC", super().normalize_text(text))
        return "".join(letter if ord(letter) in known or letter in "\n\r" else "?" for letter in composed)

    def write_in(self, size: float, *, bold: bool = False) -> None:
        """Write what follows in so many points."""
        self.set_font(self._letters, "B" if bold else "", size)

    def line_of(self, text: str, *, size: float = 11, bold: bool = False, after: float = 2) -> None:
        """Write a paragraph over the width that is left, and leave `after` millimetres below it."""
        self.write_in(size, bold=bold)
        self.multi_cell(0, size * 0.55, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(after)

    def qr(self, content: str, *, x: float, y: float, side: float) -> None:
        """Draw a QR code as filled squares, without the quiet zone, which the caller leaves around it."""
        matrix = [list(row) for row in segno.make(content, error="m", micro=False).matrix]
        cell = side / len(matrix)
        self.set_fill_color(0)
        for line, row in enumerate(matrix):
            column = 0
            while column < len(row):
                run = column
                while run < len(row) and row[run]:
                    run += 1
                if run > column:
                    # One rectangle a run of dark squares: no hair lines between them, and a smaller file. It reaches a
                    # hair into the next row for the same reason.
                    self.rect(x + column * cell, y + line * cell, (run - column) * cell, cell * 1.02, style="F")
                column = max(run, column + 1)

    def answer(self, name: str) -> HttpResponse:
        """Return the document as a download that no cache keeps: it may hold a key or a password."""
        response = HttpResponse(bytes(self.output()), content_type="application/pdf")
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        response["Cache-Control"] = "no-store"
        return response
