"""Text files of rows: encoding and separator are found from the bytes, for nobody who exports a list knows them."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING

from imports.readers import limits
from imports.readers.refusals import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imports.readers.sheets import Area, Row, Sheet

SEPARATORS = ";,\t|"
SAMPLE = 100


class TextSheet:
    """The one sheet of a text file. Rows are numbered as Excel would show them: a quoted line break makes no row."""

    hidden = False
    merged: list[Area] = []
    uncomputed: frozenset[tuple[int, int]] = frozenset()

    def __init__(self, text: str, separator: str, name: str = "") -> None:
        self.name = name
        self._text = text
        self._separator = separator
        try:
            self.height = sum(1 for _ in self.rows())
        except csv.Error as error:
            raise Unreadable(
                "damaged",
                "Ce fichier texte n'a pas la forme d'un tableau (guillemets mal fermés ou case démesurée). "
                "Enregistrez-le de nouveau depuis votre tableur, puis déposez-le.",
            ) from error

    def rows(self) -> Iterator[Row]:
        """Go through all rows; cells are text as it stands."""
        yield from csv.reader(io.StringIO(self._text, newline=""), delimiter=self._separator)


class TextWorkbook:
    """An opened .csv, .tsv or .txt."""

    kind = "csv"
    remarks: list[str] = []

    def __init__(self, content: bytes) -> None:
        text = decode(content)
        separator = ""
        if text.startswith("sep=") and len(text) > len("sep="):
            # Excel's own hint; the row stays, so that the numbers are those that Excel shows.
            separator = text[4] if text[4] in SEPARATORS else ""
        sheet: Sheet = TextSheet(text, separator or find_separator(text))
        if sheet.height > limits.MAX_ROWS + SAMPLE:
            raise too_many_rows(sheet.height)
        self.sheets = [sheet]


def too_many_rows(height: int) -> Unreadable:
    """Return the refusal of a table that is too long."""
    return Unreadable(
        "too_many_rows",
        f"Ce tableau a {height} lignes ; {limits.MAX_ROWS} au plus sont lues. Partagez-le en plusieurs fichiers.",
    )


def decode(content: bytes) -> str:
    """Return the text of the bytes. Raises `Unreadable` where they are no text.

    Windows-1252 comes last: nearly every run of bytes is something in it.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        candidates = ["utf-16"]
    elif b"\0" in content:
        raise Unreadable(
            "not_text",
            "Ce fichier contient des caractères nuls : ce n'est pas un tableau. Enregistrez-le en .xlsx ou en .csv "
            "depuis votre tableur, puis déposez-le.",
        )
    else:
        candidates = ["utf-8-sig", "cp1252"]
    for encoding in candidates:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise Unreadable(
        "encoding",
        "Les caractères de ce fichier n'ont pas pu être lus. Enregistrez-le en « CSV UTF-8 » ou en .xlsx depuis votre "
        "tableur, puis déposez-le.",
    )


def find_separator(text: str) -> str:
    """Return the separator under which most rows have the same number of cells, and the most of them."""

    def merit(separator: str) -> tuple[float, int]:
        try:
            rows = list(islice(csv.reader(io.StringIO(text, newline=""), delimiter=separator), SAMPLE))
        except csv.Error:
            return (0.0, 0)
        widths = Counter(len(row) for row in rows if len(row) > 1)
        if not widths:
            return (0.0, 0)
        width, rows_of_it = max(widths.items(), key=lambda item: (item[1], item[0]))
        filled = sum(1 for row in rows if any(row))
        return (round(rows_of_it / max(filled, 1), 1), width)

    best = max(SEPARATORS, key=merit)
    return best if merit(best)[1] > 1 else ";"
