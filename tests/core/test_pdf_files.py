"""The files that a PDF document holds open."""

import gc

from fpdf.fonts import TTFFont

from core.documents import PdfDocument
from tests.conftest import TERM


def test_a_document_given_up_closes_the_files_of_its_fonts():
    """An error while a document is drawn, or pages counted without output, leave no file open."""
    document = PdfDocument(title="Abandonné", at=TERM)
    document.add_page()
    document.write_paragraph("Commencé")
    files = [font.ttfont.reader.file for font in document.fonts.values() if isinstance(font, TTFFont)]
    assert [file.closed for file in files] == [False, False]
    del document
    gc.collect()
    assert [file.closed for file in files] == [True, True]
