"""Versions of the general terms of sale (CGV), as a page and as a PDF. The order records which was accepted.

A published version never changes, since buyers may have accepted it. To publish a new one, add a file to
`templates/catalogue/terms/`, an entry to `VERSIONS`, and its hash to the test. Every version keeps its own URL.
"""

import datetime
import functools
import re

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.text import slugify

from core import formatting
from core.calendar import start_of_day
from core.links import portal_url

#: Version → first day on which it is offered for acceptance, newest first.
VERSIONS: dict[str, datetime.date] = {
    "2026-11-27": datetime.date(2026, 11, 27),
    "2026-11": datetime.date(2026, 11, 1),
}

#: The version offered for acceptance today.
CURRENT = "2026-11-27"


def render_terms(version: str) -> str:
    """Render a version as HTML without a title. Raises `KeyError` for an unknown version."""
    if version not in VERSIONS:
        raise KeyError(version)
    return render_to_string(f"catalogue/terms/{version}.html")


def add_contents(html: str) -> tuple[str, list[tuple[str, str]]]:
    """Return a rendered version with an anchor at each heading, and the anchor and text of each.

    The anchors are added where the page is shown: the text of the version stays as it was accepted.
    """
    contents: list[tuple[str, str]] = []

    def add_anchor(found: re.Match[str]) -> str:
        contents.append((slugify(found[1].replace("’", " ")), found[1]))
        return f'<h2 id="{contents[-1][0]}">{found[1]}</h2>'

    return re.sub(r"<h2>(.*?)</h2>", add_anchor, html), contents


def get_terms_url(version: str = CURRENT) -> str:
    """Return the absolute URL of a version, for any host and for printed documents."""
    return portal_url(reverse("terms_of_sale_version", args=[version], urlconf="config.urls_public"))


_SIZE = 10


@functools.cache
def render_terms_pdf(version: str) -> bytes:
    """Return a version as a PDF, always the same. Raises `KeyError` for an unknown version."""
    # Here: every process would load the PDF library with the e-mails of orders.
    from fpdf.fonts import TextStyle  # noqa: PLC0415

    from core.documents import ACCOUNTING_FONT, PdfDocument  # noqa: PLC0415

    since = VERSIONS[version]
    title = f"Conditions générales de vente, version {version}"
    sheet = PdfDocument(title=title, at=start_of_day(since), font_family=ACCOUNTING_FONT)
    sheet.add_page()
    sheet.write_paragraph(title, size=16, bold=True)
    sheet.write_paragraph(f"En vigueur depuis le {formatting.long_date(since)}. {get_terms_url(version)}", size=9)
    sheet.set_text_size(_SIZE)
    heading = TextStyle(
        font_family=ACCOUNTING_FONT, font_style="B", font_size_pt=12, color=(27, 37, 54), t_margin=4, b_margin=1
    )
    sheet.write_html(render_terms(version), font_family=ACCOUNTING_FONT, tag_styles={"h2": heading})
    return bytes(sheet.output())
