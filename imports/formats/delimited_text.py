"""Read delimited text files, whose separator is detected."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from imports.formats import limits
from imports.formats.encodings import decode
from imports.formats.exceptions import ACCEPTED_FORMATS_HINT, UnreadableFile, check_height
from imports.formats.sheet_types import CellColours, CellNotes, CellPositions, CellRow, MergedRange, WorkbookSheet

#: Lines that are looked at, and the fewest that show columns.
_SAMPLE_LINES, _MIN_LINES = 100, 3
#: Spaces between two columns of fixed width: names have one between their words.
_MIN_GAP = 2
#: Share of the rows that have one number of cells, for others to be out of step.
#: Rows that are named in a remark.
_MAX_NAMED = 5


def reject_fixed_width(text: str) -> None:
    """Raise `UnreadableFile` for a text whose columns are aligned by spaces. Only for a text without separators."""
    lines = [line.rstrip().expandtabs() for line in islice(io.StringIO(text), _SAMPLE_LINES)]
    lines = [line for line in lines if line]
    if len(lines) < _MIN_LINES:
        return
    width = min(len(line) for line in lines)
    blank = "".join(" " if all(line[at] == " " for line in lines) else "x" for at in range(width))
    # Blanks at the beginning of all lines are a margin.
    if " " * _MIN_GAP in blank.strip(" "):
        raise UnreadableFile(
            "not_supported",
            "Ce fichier est un texte à colonnes de largeur fixe, alignées par des espaces : rien n'y sépare les "
            "colonnes. Dans Excel, choisissez « Données » puis « À partir d'un fichier texte », « Largeur fixe », "
            "enregistrez le tableau en .xlsx, et déposez ce fichier-là.",
        )


def find_usual_width(counts: Mapping[int, int]) -> int | None:
    """Return the number of cells of the rows from the titles on, None where rows differ too much.

    `counts`: how many rows have a number of cells, in the order in which each number comes first. Some programs leave
    out empty cells at the end of a row.
    """
    filled = {width: count for width, count in counts.items() if width > 1}
    if not filled:
        return None
    usual = max(filled, key=filled.__getitem__)
    full = [width for width in filled if width >= usual]
    if filled[usual] < _MIN_ROW_SHARE * sum(filled[width] for width in full):
        return None
    # The first full row has the titles.
    return full[0]


def describe_longer_rows(rows: Iterable[int], separator: str) -> list[str]:
    """Return a remark about rows with more cells than the table has columns; none without such rows."""
    numbers = sorted(rows)
    if not numbers:
        return []
    named = ", ".join(map(str, numbers[:_MAX_NAMED])) + (", …" if len(numbers) > _MAX_NAMED else "")
    which = f"La ligne {named} a" if len(numbers) == 1 else f"Les lignes {named} ont"
    mark = "une tabulation" if separator == "\t" else f"un « {separator} »"
    remark = (
        f"{which} plus de cases que le tableau n'a de colonnes : {mark} dans un texte y a sans doute décalé les "
        "nombres. Vérifiez-les, ou mettez ce texte entre guillemets dans le fichier."
    )
    return [remark]


SEPARATORS = ";,\t|"
SAMPLE_ROWS = 100
#: Excel's separator hint, in the first row of a file.
_HINT = re.compile(r'"?sep=([;,\t|])"?\r?\n?', re.IGNORECASE)
#: « 43,83 » in a row with another separator.
_DECIMAL_COMMA = re.compile(r"(?<=[0-9]),(?=[0-9])")
#: Share of rows with the same number of cells for a separator to be preferred to decimal commas.
_MIN_ROW_SHARE = 0.8


class TextSheet:
    """The only sheet of a text file. Rows are numbered as in Excel: a quoted line break starts no row."""

    def __init__(self, text: str, separator: str, name: str = "") -> None:
        self.name = name
        self.hidden = False
        self.merged: Sequence[MergedRange] = ()
        self.uncomputed: CellPositions = frozenset()
        self.errors: CellPositions = frozenset()
        self.hidden_rows: frozenset[int] = frozenset()
        self.hidden_columns: frozenset[int] = frozenset()
        self.struck: CellPositions = frozenset()
        self.notes: CellNotes = {}
        self.marked_digits: CellPositions = frozenset()
        self._text = text
        self._separator = separator
        #: Numbers of the rows with more cells than the table has columns.
        self.longer_rows: list[int] = []
        self.height = self._measure_height()

    def rows(self) -> Iterator[CellRow]:
        """Iterate over all rows; cells are unchanged text."""
        yield from islice(self._read(), self.height)

    def read_colours(self) -> CellColours | None:
        """Return None: a text has no colours."""
        return None

    def _read(self) -> Iterator[CellRow]:
        return csv.reader(io.StringIO(self._text, newline=""), delimiter=self._separator)

    def _measure_height(self) -> int:
        """Return the number of the last row that is not empty. Raises `UnreadableFile` where the text is no table.

        A spreadsheet formatted down to its last row is saved with a million rows of separators.
        """
        lines = csv.reader(io.StringIO(self._text, newline=""), delimiter=self._separator)
        height = filled = width = row_start = row_end = 0
        # Filled rows by their number of cells, in the order in which each number comes first.
        counts: dict[int, int] = {}
        try:
            for row in lines:
                row_start, row_end = row_end, lines.line_num
                height += 1
                cells = len(row)
                width = max(width, cells)
                if any(row):
                    filled = height
                    counts[cells] = counts.get(cells, 0) + 1
                if width > limits.MAX_COLUMNS:
                    raise UnreadableFile(
                        "too_many_columns",
                        f"La ligne {height} de ce fichier a plus de {limits.MAX_COLUMNS} colonnes : ce n'est pas un "
                        "tableau. Enregistrez-le de nouveau depuis votre tableur, puis déposez-le.",
                    )
        except csv.Error as error:
            raise _unclosed_quote(height + 1) from error
        if row_end - row_start > 1:
            last = "".join(islice(io.StringIO(self._text, newline=""), row_start, None))
            if last.count('"') % 2:
                raise _unclosed_quote(height)
        usual = find_usual_width(counts)
        if usual is not None and max(counts) > usual:
            self.longer_rows = [
                number for number, row in enumerate(islice(self._read(), filled), start=1) if any(row[usual:])
            ]
        return filled


class TextWorkbook:
    """An opened .csv, .tsv or .txt."""

    kind = "csv"

    def __init__(self, content: bytes) -> None:
        text, self.remarks = decode(content)
        if not text.strip():
            raise UnreadableFile("empty", f"Ce fichier est vide. {ACCEPTED_FORMATS_HINT}")
        # The hint remains a row, so that row numbers are those that Excel shows.
        hint = _HINT.match(text)
        separator = hint[1] if hint else detect_separator(text)
        if not hint and not any(_is_separator(text, other) for other in SEPARATORS):
            reject_fixed_width(text)
        sheet = TextSheet(text, separator)
        check_height(sheet.height)
        self.remarks = self.remarks + describe_longer_rows(sheet.longer_rows, separator)
        self.sheets: list[WorkbookSheet] = [sheet]


def detect_separator(text: str) -> str:
    """Return the separator by which most rows have the same number of cells, and the most cells.

    Commas between digits count only where no other separator fits.
    """
    other_scores = {separator: _score_separator(text, separator) for separator in SEPARATORS if separator != ","}
    has_other_separator = any(share >= _MIN_ROW_SHARE and width > 1 for share, width in other_scores.values())
    head = "".join(islice(io.StringIO(text, newline=""), SAMPLE_ROWS)) if has_other_separator else text
    scores = other_scores | {",": _score_separator(_DECIMAL_COMMA.sub(".", head) if has_other_separator else head, ",")}
    best = max(SEPARATORS, key=scores.__getitem__)
    return best if scores[best][1] > 1 else ";"


def _is_separator(text: str, separator: str) -> bool:
    """Whether most rows have the same number of cells, and more than one."""
    share, width = _score_separator(text, separator)
    return share >= _MIN_ROW_SHARE and width > 1


def _score_separator(text: str, separator: str) -> tuple[float, int]:
    """Return the share of the first rows with the most common number of cells, and that number."""
    try:
        rows = list(islice(csv.reader(io.StringIO(text, newline=""), delimiter=separator), SAMPLE_ROWS))
    except csv.Error:
        return (0.0, 0)
    widths = Counter(len(row) for row in rows if len(row) > 1)
    if not widths:
        return (0.0, 0)
    width, matching_rows = max(widths.items(), key=lambda item: (item[1], item[0]))
    filled = sum(1 for row in rows if any(row))
    return (round(matching_rows / max(filled, 1), 1), width)


def _unclosed_quote(row: int) -> UnreadableFile:
    return UnreadableFile(
        "damaged",
        f"Un guillemet ouvert à la ligne {row} n'est jamais refermé : la suite du fichier ne peut pas être lue. "
        "Corrigez cette ligne, ou enregistrez le tableau en .xlsx, puis déposez-le.",
    )
