"""The general terms of sale as a PDF, for the durable medium that consumers receive."""

from __future__ import annotations

import functools

from fpdf.fonts import TextStyle

from core import formatting
from core.calendar import start_of_day
from core.documents import ACCOUNTING_FONT, PdfDocument
from licensing.catalogue import terms

_SIZE = 10


@functools.cache
def render_terms_pdf(version: str) -> bytes:
    """Return a version as a PDF, always the same. Raises `KeyError` for an unknown version."""
    since = terms.VERSIONS[version]
    title = f"Conditions générales de vente, version {version}"
    sheet = PdfDocument(title=title, at=start_of_day(since), font_family=ACCOUNTING_FONT)
    sheet.add_page()
    sheet.write_paragraph(title, size=16, bold=True)
    sheet.write_paragraph(f"En vigueur depuis le {formatting.long_date(since)}. {terms.get_terms_url(version)}", size=9)
    sheet.set_text_size(_SIZE)
    heading = TextStyle(
        font_family=ACCOUNTING_FONT, font_style="B", font_size_pt=12, color=(27, 37, 54), t_margin=4, b_margin=1
    )
    sheet.write_html(terms.render_terms(version), font_family=ACCOUNTING_FONT, tag_styles={"h2": heading})
    return bytes(sheet.output())
