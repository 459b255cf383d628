"""Find the colours that part the rows of a list, and what its legend says of them: « En rouge : refusé ». Pure."""

import colorsys
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice, pairwise
from typing import NamedTuple

from imports.columns import LISTS_SHEET, NAMING_COLUMNS, NUMBER_COLUMNS
from imports.formats.sheet_types import CellColours, WorkbookSheet
from imports.parsing.cell_answers import AGAINST, read_answer
from imports.parsing.sheet_selection import read_banner
from imports.parsing.stacked_tables import ReadTable
from schools.folding import fold

#: Share of the largest by which the parts of red, green and blue differ: below it a colour is grey.
MIN_CHROMA = 0.08
#: Lighter greys are white, darker ones black.
MAX_GREY_LIGHTNESS, MIN_GREY_LIGHTNESS = 0.97, 0.15
#: From this lightness on a red is called « rose », and what is between orange and yellow is called « jaune ».
PALE = 0.78
#: The names by hue, in degrees up to which they hold: the usual one first, then one that others may give.
_HUES: tuple[tuple[float, tuple[str, ...]], ...] = (
    (12, ("rouge",)),
    (20, ("orange", "rouge")),
    (40, ("orange",)),
    (51, ("orange", "jaune")),
    (64, ("jaune",)),
    (75, ("vert", "jaune")),
    (160, ("vert",)),
    (180, ("vert", "bleu")),
    (195, ("bleu", "vert")),
    (245, ("bleu",)),
    (260, ("bleu", "violet")),
    (290, ("violet",)),
    (310, ("violet", "rose")),
    (335, ("rose",)),
    (348, ("rose", "rouge")),
    (360, ("rouge",)),
)


@lru_cache(maxsize=1024)
def name_colour(rgb: str) -> tuple[str, ...]:
    """Return the names of a colour such as « FF0000 », the likeliest first; none for black and white.

    They are among rouge, orange, jaune, vert, bleu, violet, rose and gris.
    """
    red, green, blue = (part / 255 for part in bytes.fromhex(rgb))
    hue, lightness, _ = colorsys.rgb_to_hls(red, green, blue)
    if max(red, green, blue) - min(red, green, blue) < MIN_CHROMA:
        return ("gris",) if MIN_GREY_LIGHTNESS < lightness < MAX_GREY_LIGHTNESS else ()
    names = next(names for limit, names in _HUES if hue * 360 <= limit)
    if lightness >= PALE:
        if names == ("rouge",):
            return ("rose", "rouge")
        if names == ("orange", "jaune"):
            return ("jaune", "orange")
    return names


#: The words for each colour, and its name in the value of an option.
_WORDS = {
    "rouge": ("red", "rouges?"),
    "orange": ("orange", "oranges?|orangee?s?"),
    "jaune": ("yellow", "jaunes?"),
    "vert": ("green", "vert(?:e|es|s)?"),
    "bleu": ("blue", "bleu(?:e|es|s)?"),
    "violet": ("purple", "violet(?:te|tes|s)?|mauves?"),
    "rose": ("pink", "roses?|fuchsia"),
    "gris": ("grey", "gris(?:e|es|ee|ees)?"),
}
_NAMED = "|".join(words for _, words in _WORDS.values())
#: Colours that stand for the rows that have them: « en rouge », « lignes orange »; « rouge » only where it begins.
_MENTION = re.compile(
    r"\b(?:en|fonds?|textes?|lignes?|cases?|cellules?|couleurs?|surlign\w*|color\w*|marqu\w*)"
    rf"(?: (?:en|de|sur|les|sont|est|fond|couleur))* (?P<colour>{_NAMED})\b"
    r"|\b(?P<any>surlign\w*|coloree?s?|coloriee?s?|en couleurs?)\b"
)
#: « Rouge : refusé », « vert clair ».
_ALONE = re.compile(rf"({_NAMED})(?: (?:clair|fonce|pale|vif|fluo)e?s?)?")
_VERDICT = re.compile(r"[:=→(]")
_PARTS = re.compile(r"[;,\n/|•·]|\.(?=\s|$)|\s[-–—]\s")
#: Longer texts are letters.
MAX_LEGEND_LENGTH = 300
#: Letters shown of a legend.
MAX_SHOWN_LETTERS = 90


class LegendPart(NamedTuple):
    """What a text says of one colour: its French name, "" for any colour, and the words about it."""

    colour: str
    text: str


def read_legend(text: str) -> list[LegendPart]:
    """Return what a text says of colours, none where it is no legend: « En rouge : refusé ; en vert : accordé »."""
    if len(text) > MAX_LEGEND_LENGTH:
        return []
    found = []
    for part in _PARTS.split(text):
        alone = _ALONE.fullmatch(fold(_VERDICT.split(part)[0]))
        words = [alone[1]] if alone else [mention["colour"] or "" for mention in _MENTION.finditer(fold(part))]
        for word in words:
            colour = next((name for name, (_, forms) in _WORDS.items() if re.fullmatch(forms, word)), "")
            found.append(LegendPart(colour, " ".join(part.split())[:MAX_SHOWN_LETTERS]))
    return found


#: Sheets of more rows are not coloured by hand; a sheet with a legend and nothing else has fewer.
MAX_COLOURED_ROWS, MAX_LEGEND_ROWS = 5_000, 40
#: More colours without a legend are those of sectors or of nothing.
MAX_COLOURS = 4
_UNREADABLE = (
    "les couleurs de ce fichier ne peuvent pas être lues. Vérifiez les lignes qu'elle concerne, ou déposez le classeur "
    "en .xlsx, .xls ou .ods"
)
_UNMATCHED = "aucune ligne n'a cette couleur à coup sûr. Vérifiez les lignes avant d'appliquer"

#: A row by the index of its sheet and its number.
type Place = tuple[int, int]


class RowColour(NamedTuple):
    """A colour of some rows: its value in options, « colour:red », and what the legend says of it."""

    value: str
    #: Its French name.
    colour: str
    rows: frozenset[Place]
    #: The words of the legend, "" without one.
    legend: str = ""

    @property
    def is_font(self) -> bool:
        """Whether the rows are written in it, and not filled with it."""
        return self.value.startswith("font:")


class ColouredRows(NamedTuple):
    """The colours that part the rows, the rows and the cells that are legends, and remarks about other legends."""

    colours: list[RowColour]
    legend_rows: frozenset[Place]
    legend_cells: frozenset[tuple[int, int, int]]
    remarks: list[str]


def find_row_colours(tables: Sequence[ReadTable], sheets: Sequence[WorkbookSheet]) -> ColouredRows:
    """Return the colours that some rows have and others have not. `sheets`: those of the workbook that are not read.

    Raises `UnreadableFile` where the file is damaged there.
    """
    inside = dict(_list_legend_rows(tables))
    parts = [part for found in inside.values() for part in found]
    parts += [part for text in _list_texts_outside(tables, sheets) for part in read_legend(text)]
    colours: dict[int, CellColours | None] = {}
    for table in tables:
        index, sheet = table.detected.index, table.detected.sheet
        if index not in colours:
            colours[index] = sheet.read_colours() if sheet.height <= MAX_COLOURED_ROWS else None
    places = [
        (table.detected.index, row.number)
        for table in tables
        for row in table.body.rows
        if not row.ignored and (table.detected.index, row.number) not in inside
    ]
    marks = _collect_marks(tables, set(places), colours)
    labels, cells = _find_labels(tables, colours, marks)
    found = [
        colour for mark, rows in marks.items() if (colour := _part_rows(mark, rows, places, [*parts, *labels], marks))
    ]
    if len(found) > MAX_COLOURS:
        found = [colour for colour in found if colour.legend]
    return ColouredRows(found, frozenset(inside), cells, _describe_unapplied(parts, found, colours))


#: The layer, « colour » of a fill or « font », and the names of a colour.
type _Mark = tuple[str, tuple[str, ...]]


def _collect_marks(
    tables: Sequence[ReadTable], places: set[Place], colours: dict[int, CellColours | None]
) -> dict[_Mark, set[Place]]:
    """Return the rows by the colours of their school or their number, without those that a whole column has."""
    marks: dict[_Mark, set[Place]] = {}
    for table in tables:
        index = table.detected.index
        of_sheet = colours[index] or {}
        schools = [row.number for row in table.body.rows if (index, row.number) in places] if of_sheet else []
        for meaning in (*NAMING_COLUMNS, *NUMBER_COLUMNS):
            of_column: dict[_Mark, set[Place]] = {}
            for number in schools if meaning in table.columns else ():
                colour = of_sheet.get((number, table.columns[meaning]))
                for layer, rgb in (("colour", colour.fill), ("font", colour.font)) if colour else ():
                    if rgb and (names := name_colour(rgb)):
                        of_column.setdefault((layer, names), set()).add((index, number))
            for mark, rows in of_column.items():
                if len(rows) < len(schools) or len(schools) == 1:
                    marks.setdefault(mark, set()).update(rows)
    return marks


def _part_rows(
    mark: _Mark, rows: set[Place], places: Sequence[Place], parts: Sequence[LegendPart], marks: Iterable[_Mark]
) -> RowColour | None:
    """Return the colour with its legend; None where it is decoration: of most rows or of every other one."""
    layer, names = mark
    primary = {other[0] for _, other in marks}
    legend = next(
        (part.text for part in parts if part.colour in (names[0], *(n for n in names[1:] if n not in primary), "")), ""
    )
    if len(rows) == len(places):
        return None
    at = [position for position, place in enumerate(places) if place in rows]
    is_banded = len(at) > 1 and {after - before for before, after in pairwise(at)} == {2} and len(at) * 2 >= (
        len(places) - 1
    )  # fmt: skip
    if not legend and (is_banded or len(rows) * 2 > len(places)):
        return None
    return RowColour(f"{layer}:{_WORDS[names[0]][0]}", names[0], frozenset(rows), legend)


def _list_legend_rows(tables: Sequence[ReadTable]) -> Iterator[tuple[Place, list[LegendPart]]]:
    """Iterate over the rows that hold a legend and no school."""
    for table in tables:
        ordered = sorted(table.columns, key=lambda meaning: table.columns[meaning])
        for row in table.body.rows:
            if 0 < len(row.cells) <= 2:  # noqa: PLR2004 - « Rouge » and, beside it, « Ne participe pas »
                parts = read_legend(" : ".join(row.cells[key] for key in ordered if key in row.cells))
                if parts:
                    yield (table.detected.index, row.number), parts


def _list_texts_outside(tables: Sequence[ReadTable], sheets: Sequence[WorkbookSheet]) -> Iterator[str]:
    """Iterate over the texts above the tables, in their titles and on short sheets that are not read."""
    for table in tables:
        yield from (title.text for title in table.detected.titles)
        rows = read_banner(table.detected)
        yield from (cell for row in rows for cell in row if isinstance(cell, str))
    for sheet in sheets:
        if sheet.height <= MAX_LEGEND_ROWS and sheet.name != LISTS_SHEET:
            for row in sheet.rows():
                texts = [cell for cell in row if isinstance(cell, str) and cell.strip()]
                yield " : ".join(texts)


def _find_labels(
    tables: Sequence[ReadTable], colours: dict[int, CellColours | None], marks: Iterable[_Mark]
) -> tuple[list[LegendPart], frozenset[tuple[int, int, int]]]:
    """Return the texts beside or below a table that have a colour of the rows, or stand beside a cell that has."""
    primary = {names[0] for _, names in marks}
    labels, cells = [], set()
    for table in tables if primary else ():
        index, of_sheet = table.detected.index, colours[table.detected.index] or {}
        titled = {at for at, title in enumerate(table.detected.titles) if title.text}
        schools = {row.number for row in table.body.rows if not row.ignored}
        rows = islice(table.detected.sheet.rows(), table.detected.header_row or 0, MAX_COLOURED_ROWS)
        for number, row in enumerate(rows, start=(table.detected.header_row or 0) + 1):
            for at, cell in enumerate(row):
                if not isinstance(cell, str) or not cell.strip() or (number in schools and at in titled):
                    continue
                blanks = [side for side in (at - 1, at + 1) if side >= len(row) or (side >= 0 and row[side] == "")]
                near = [found for side in (at, *blanks) if (found := of_sheet.get((number, side)))]
                names = [name for found in near for rgb in (found.fill, found.font) if rgb for name in name_colour(rgb)]
                mentioned = read_legend(cell)
                if mentioned or (names and names[0] in primary):
                    labels += mentioned or [LegendPart(names[0], " ".join(cell.split())[:MAX_SHOWN_LETTERS])]
                    cells.add((index, number, at))
    return labels, frozenset(cells)


def _describe_unapplied(
    parts: Sequence[LegendPart], found: Sequence[RowColour], colours: dict[int, CellColours | None]
) -> list[str]:
    """Return the remark about a legend that speaks against rows, where no colour of the rows has a legend."""
    against = next((part for part in parts if read_answer(part.text) in AGAINST), None)
    if against is None or any(colour.legend for colour in found):
        return []
    reason = _UNREADABLE if None in colours.values() else _UNMATCHED
    return [f"La légende de couleurs « {against.text} » n'est pas appliquée : {reason}."]
