"""PDF documents in French, with QR codes, in one of two font families.

Andika, designed for beginning readers, for what pupils receive; Source Sans 3, with tabular figures, for quotes,
purchase orders and invoices. Both are npm packages pinned in `package.json`. A document is generated in the request, in
memory, in some tens of milliseconds per page.
"""

from __future__ import annotations

import datetime
import unicodedata
import weakref
from pathlib import Path

import segno
from django.conf import settings
from django.contrib.staticfiles import finders
from django.http import HttpResponse
from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.fonts import TTFFont

from core.file_responses import build_file_response
from core.french import curl_apostrophes

#: For documents of pupils and teachers.
PUPIL_FONT = "Andika"
#: For accounting documents.
ACCOUNTING_FONT = "Source Sans 3"
A4_WIDTH = 210
_FONTS = {
    PUPIL_FONT: {"": "andika/Andika_400Regular.ttf", "B": "andika/Andika_700Bold.ttf"},
    ACCOUNTING_FONT: {
        "": "source-sans-3/400Regular/SourceSans3_400Regular.ttf",
        "B": "source-sans-3/700Bold/SourceSans3_700Bold.ttf",
    },
}


class PdfDocument(FPDF):
    """An A4 document in millimetres, with embedded fonts, title and language."""

    def __init__(
        self,
        *,
        title: str,
        at: datetime.datetime,
        margin: float = 20,
        font_family: str = PUPIL_FONT,
        compliance: str | None = None,
    ) -> None:
        """`compliance`: archiving standard such as « PDF/A-3B », if required."""
        super().__init__(format="A4", unit="mm", enforce_compliance=compliance)
        self._font_family = font_family
        for style, file in _FONTS[font_family].items():
            self.add_font(font_family, style, settings.PDF_FONTS / file)
        for font in self.fonts.values():
            if isinstance(font, TTFFont):
                # `output` closes the files of fonts; of a document given up before, nothing else would.
                weakref.finalize(self, font.ttfont.close)
        self.set_title(title)
        self.set_lang("fr")
        self.set_author("Pep's")
        self.set_creation_date(at)
        self.set_margins(margin, margin)
        self.set_auto_page_break(auto=True, margin=margin)
        self.set_text_size(11)

    def normalize_text(self, text: str) -> str:
        """Curl apostrophes, and replace characters missing in the font, such as emoji in a name, by « ? ».

        fpdf would draw a missing glyph and log a warning, and PDF/A forbids such glyphs.
        """
        supported = self.current_font.cmap if isinstance(self.current_font, TTFFont) else {}
        normalized = unicodedata.normalize("NFC", curl_apostrophes(super().normalize_text(text)))
        return "".join(
            character if ord(character) in supported or character in "\n\r" else "?" for character in normalized
        )

    def set_text_size(self, size: float, *, bold: bool = False) -> None:
        """Set the font size in points for the following text."""
        self.set_font(self._font_family, "B" if bold else "", size)

    def write_paragraph(self, text: str, *, size: float = 11, bold: bool = False, after: float = 2) -> None:
        """Write a paragraph over the remaining width, followed by `after` millimetres."""
        self.set_text_size(size, bold=bold)
        self.multi_cell(0, size * 0.55, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(after)

    def mark(self, *, x: float, y: float, side: float) -> None:
        """Draw the mark of Pep's, as the pages show it."""
        # Its path, not a URL: `finders` knows the file without `collectstatic`.
        self.image(Path(str(finders.find("web/icon.svg"))), x=x, y=y, w=side, h=side)

    def qr(self, content: str, *, x: float, y: float, side: float) -> None:
        """Draw a QR code as filled rectangles; the caller leaves the quiet zone around it."""
        matrix = [list(row) for row in segno.make(content, error="m", micro=False).matrix]
        cell = side / len(matrix)
        self.set_fill_color(0)
        for row_index, row in enumerate(matrix):
            column = 0
            while column < len(row):
                end = column
                while end < len(row) and row[end]:
                    end += 1
                if end > column:
                    # One rectangle per run of dark modules: no hairlines between them and a smaller file. It overlaps
                    # the next row by 2 % for the same reason.
                    self.rect(x + column * cell, y + row_index * cell, (end - column) * cell, cell * 1.02, style="F")
                column = max(end, column + 1)

    def answer(self, name: str) -> HttpResponse:
        """Return the document as a download, never cached."""
        return build_file_response(self.output(), name=name, content_type="application/pdf")
