"""The one letterhead of accounting documents: A4 in PDF/A-3, address in the window of the envelope, legal footer.

Folded in three into a DL envelope (220 × 110 mm), the sheet shows its addressee through a window on the right, 90 or
100 mm wide and 20 mm from the right edge. The sheet slides by up to 10 mm, so only what stands between 110 and 190 mm
from its left edge is always seen: an address at 112 mm is, one at 108 mm loses its first letter.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from fpdf.enums import Align, XPos, YPos

from core.pdf import A4_WIDTH, ACCOUNTING_FONT, PdfDocument

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
