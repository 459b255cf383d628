"""The text of a PDF, with plain spaces and without line breaks."""

import io
import re

from pypdf import PdfReader

from licensing.books.billing.models import BillingDocument


def extract_pages(document: BillingDocument) -> list[str]:
    """Return the text of each page."""
    reader = PdfReader(io.BytesIO(bytes(document.content)))
    return [re.sub(r"\s+", " ", page.extract_text()) for page in reader.pages]


def extract_text(document: BillingDocument) -> str:
    """Return the text of all pages."""
    return " ".join(extract_pages(document))


def extract_positions(document: BillingDocument) -> dict[str, tuple[float, float]]:
    """Return each text's position on the first page, as fractions of width and height from the top left."""
    page = PdfReader(io.BytesIO(bytes(document.content))).pages[0]
    width, height = float(page.mediabox.width), float(page.mediabox.height)
    found: dict[str, tuple[float, float]] = {}

    def visit(text: str, _cm: object, tm: list[float], _font: object, _size: float) -> None:
        if text.strip():
            found[text.strip()] = (tm[4] / width, 1 - tm[5] / height)

    page.extract_text(visitor_text=visit)
    return found
