"""Text files of rows: the separator is found from the text, for nobody who exports a list knows it."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING

from imports.readers import limits
from imports.readers.encodings import decode
from imports.readers.refusals import Unreadable
from imports.readers.strangers import HOW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imports.readers.sheets import Area, Places, Row, Sheet

SEPARATORS = ";,\t|"
SAMPLE = 100
#: Excel's own hint, the first row of a file that it writes or is to read.
_HINT = re.compile(r'"?sep=([;,\t|])"?\r?\n?', re.IGNORECASE)
#: « 43,83 » in a row that something else separates.
_DECIMAL = re.compile(r"(?<=[0-9]),(?=[0-9])")
#: As many rows as that have to agree before a separator is believed against decimal commas.
_MOST_ROWS = 0.8


class TextSheet:
    """The one sheet of a text file. Rows are numbered as Excel would show them: a quoted line break makes no row."""

    def __init__(self, text: str, separator: str, name: str = "") -> None:
        self.name = name
        self.hidden = False
        self.merged: list[Area] = []
        self.uncomputed: Places = frozenset()
        self.errors: Places = frozenset()
        self._text = text
        self._separator = separator
        self.height = self._measured()

    def rows(self) -> Iterator[Row]:
        """Go through all rows; cells are text as it stands."""
        yield from islice(csv.reader(io.StringIO(self._text, newline=""), delimiter=self._separator), self.height)

    def _measured(self) -> int:
        """Return the number of the last row that holds something. Raises `Unreadable` where they are no table.

        A spreadsheet whose cells are formatted to its last row is saved with a million rows of separators.
        """
        lines = csv.reader(io.StringIO(self._text, newline=""), delimiter=self._separator)
        height = filled = width = begins = ended = 0
        try:
            for row in lines:
                begins, ended = ended, lines.line_num
                height += 1
                width = max(width, len(row))
                if any(row):
                    filled = height
                if width > limits.MAX_COLUMNS:
                    raise Unreadable(
                        "too_many_columns",
                        f"La ligne {height} de ce fichier a plus de {limits.MAX_COLUMNS} colonnes : ce n'est pas un "
                        "tableau. Enregistrez-le de nouveau depuis votre tableur, puis déposez-le.",
                    )
        except csv.Error as error:
            raise _open_quote(height + 1) from error
        if ended - begins > 1:
            last = "".join(islice(io.StringIO(self._text, newline=""), begins, None))
            if last.count('"') % 2:
                raise _open_quote(height)
        return filled


class TextWorkbook:
    """An opened .csv, .tsv or .txt."""

    kind = "csv"

    def __init__(self, content: bytes) -> None:
        text, self.remarks = decode(content)
        if not text.strip():
            raise Unreadable("empty", f"Ce fichier est vide. {HOW}")
        # The hint stays a row, so that the numbers are those that Excel shows.
        hint = _HINT.match(text)
        sheet = TextSheet(text, hint[1] if hint else find_separator(text))
        if sheet.height > limits.MAX_ROWS + SAMPLE:
            raise too_many_rows(sheet.height)
        self.sheets: list[Sheet] = [sheet]


def too_many_rows(height: int) -> Unreadable:
    """Return the refusal of a table that is too long."""
    return Unreadable(
        "too_many_rows",
        f"Ce tableau a {height} lignes ; {limits.MAX_ROWS} au plus sont lues. Partagez-le en plusieurs fichiers.",
    )


def find_separator(text: str) -> str:
    """Return the separator under which most rows have the same number of cells, and the most of them.

    Commas between digits are counted only where nothing else could separate.
    """
    others = {separator: _merit(text, separator) for separator in SEPARATORS if separator != ","}
    separated = any(share >= _MOST_ROWS and width > 1 for share, width in others.values())
    head = "".join(islice(io.StringIO(text, newline=""), SAMPLE)) if separated else text
    merits = others | {",": _merit(_DECIMAL.sub(".", head) if separated else head, ",")}
    best = max(SEPARATORS, key=merits.__getitem__)
    return best if merits[best][1] > 1 else ";"


def _merit(text: str, separator: str) -> tuple[float, int]:
    """Return the share of the first rows that have the same number of cells, and that number."""
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


def _open_quote(row: int) -> Unreadable:
    return Unreadable(
        "damaged",
        f"Un guillemet ouvert à la ligne {row} n'est jamais refermé : la suite du fichier ne peut pas être lue. "
        "Corrigez cette ligne, ou enregistrez le tableau en .xlsx, puis déposez-le.",
    )
