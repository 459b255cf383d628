"""Documents for download: PDF in French with QR codes and letterheads, and the responses that hold files.

Andika, designed for beginning readers, for what pupils receive; Source Sans 3, with tabular figures, for quotes,
purchase orders and invoices. Both are npm packages pinned in `package.json`. A document is generated in the request, in
memory, in some tens of milliseconds per page.
"""

import datetime
import unicodedata
import weakref
from collections.abc import Sequence
from pathlib import Path

import segno
from django.conf import settings
from django.contrib.staticfiles import finders
from django.http import HttpResponse
from django.utils.http import content_disposition_header
from fpdf import FPDF
from fpdf.enums import Align, XPos, YPos
from fpdf.fonts import TTFFont

from core.formatting import curl_apostrophes

#: Types that a browser displays without running anything.
_INLINE_TYPES = ("application/pdf", "image/jpeg", "image/png")


def build_file_response(
    content: bytes | bytearray | memoryview, *, name: str, content_type: str, inline: bool = False
) -> HttpResponse:
    """Return a file as a download; with `inline`, shown in the browser if it can display the type safely."""
    if inline and content_type not in _INLINE_TYPES:
        inline, content_type = False, "application/octet-stream"
    response = HttpResponse(bytes(content), content_type=content_type)
    response["Content-Disposition"] = content_disposition_header(not inline, name) or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "no-store"
    return response


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


# The one letterhead of accounting documents: A4 in PDF/A-3, address in the window of the envelope, legal footer.
#
# Folded in three into a DL envelope (220 × 110 mm), the sheet shows its addressee through a window on the right, 90 or
# 100 mm wide and 20 mm from the right edge. The sheet slides by up to 10 mm, so only what stands between 110 and 190 mm
# from its left edge is always seen: an address at 112 mm is, one at 108 mm loses its first letter.

# Lengths in millimetres.
MARGIN = 18.0
WIDTH = A4_WIDTH - 2 * MARGIN
#: Left edge and top of the address, and the width left to it.
WINDOW_X, WINDOW_Y = 112.0, 46.0
WINDOW_WIDTH = A4_WIDTH - MARGIN - WINDOW_X
_FOOTER_HEIGHT = 24.0
_MARK = 11.0

INK = (27, 37, 54)
SOFT = (76, 90, 110)
LINE = (221, 216, 204)
PALE = (245, 242, 234)
BLUE = (31, 78, 150)


class LetterheadPdf(PdfDocument):
    """A document whose every page has the issuer's legal identity, its reference and the page number at its foot."""

    def __init__(self, *, title: str, reference: str, legal_identity: Sequence[str], at: datetime.datetime) -> None:
        """`reference`: the document's number; `legal_identity`: the lines of the footer above it."""
        super().__init__(title=title, at=at, margin=MARGIN, font_family=ACCOUNTING_FONT, compliance="PDF/A-3B")
        self._reference = reference
        self._legal_identity = legal_identity
        self.set_auto_page_break(auto=True, margin=_FOOTER_HEIGHT)
        self.set_text_color(*INK)
        self.set_draw_color(*LINE)
        self.set_line_width(0.25)
        self.add_page()

    def header(self) -> None:
        """Draw the mark in the upper right corner of the first page."""
        if self.page_no() == 1:
            self.mark(x=MARGIN + WIDTH - _MARK, y=MARGIN - 6, side=_MARK)
            self.set_xy(MARGIN, MARGIN)

    def write_line(self, text: str, *, height: float = 5, width: float = 0, x: float = MARGIN) -> None:
        """Write a text from `x`, over as many lines as it takes, and move below it."""
        self.set_x(x)
        self.multi_cell(width, height, text, align=Align.L, new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def write_address(
        self,
        lines: Sequence[str],
        *,
        x: float = WINDOW_X,
        y: float = WINDOW_Y,
        width: float = WINDOW_WIDTH,
        height: float = 5.5,
    ) -> None:
        """Write an address, its first line bold; by default in the window of the envelope."""
        self.set_y(y)
        for index, line in enumerate(lines):
            self.set_text_size(11, bold=index == 0)
            self.write_line(line, height=height, width=width, x=x)

    def footer(self) -> None:
        """Write the legal identity, the reference and the page number."""
        self.set_y(-_FOOTER_HEIGHT + 5)
        self.set_draw_color(*LINE)
        self.line(MARGIN, self.get_y(), MARGIN + WIDTH, self.get_y())
        self.set_y(self.get_y() + 1.5)
        self.set_text_color(*SOFT)
        self.set_text_size(8)
        for line in (*self._legal_identity, f"{self._reference} – page {self.page_no()} sur {{nb}}"):
            self.set_x(MARGIN)
            self.multi_cell(WIDTH, 3.7, line, align=Align.C, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.set_text_color(*INK)
