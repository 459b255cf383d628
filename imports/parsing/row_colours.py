"""Find the colours that part the rows of a list, and what its legend says of them: « En rouge : refusé ». Pure."""

import colorsys
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice, pairwise
from typing import NamedTuple

from core import formatting
from imports.answers import AGAINST, AGREEING, read_answer
from imports.cells import cell_to_text
from imports.columns import LISTS_SHEET, NAMING_COLUMNS, NUMBER_COLUMNS, Meaning
from imports.formats.sheet_types import CellColours, CellRow, WorkbookSheet
from imports.parsing.stacked_tables import ReadTable
from schools.folding import fold

#: Share of the largest by which the parts of red, green and blue differ: below it a colour is grey.
MIN_CHROMA = 0.08
#: Lighter greys are white, darker ones black.
MAX_GREY_LIGHTNESS, MIN_GREY_LIGHTNESS = 0.97, 0.15
#: From this lightness on a red is called « rose ».
PALE = 0.78
#: The names by hue, in degrees up to which they hold.
_HUES = ((12, "rouge"), (46, "orange"), (64, "jaune"), (170, "vert"), (250, "bleu"), (300, "violet"), (345, "rose"))
#: The name of each colour in the value of an option, and the words for it; in the order of the hues, grey last.
_COLOURS = {
    "rouge": ("red", "rouges?"),
    "orange": ("orange", "oranges?|orangee?s?"),
    "jaune": ("yellow", "jaunes?"),
    "vert": ("green", "vert(?:e|es|s)?"),
    "bleu": ("blue", "bleu(?:e|es|s)?"),
    "violet": ("purple", "violet(?:te|tes|s)?|mauves?"),
    "rose": ("pink", "roses?|fuchsia"),
    "gris": ("grey", "gris(?:e|es|ee|ees)?"),
}


@lru_cache(maxsize=1024)
def name_colour(rgb: str) -> str:
    """Return the name of a colour such as « FF0000 », one of `_COLOURS`; "" for black and white."""
    red, green, blue = (part / 255 for part in bytes.fromhex(rgb))
    hue, lightness, _ = colorsys.rgb_to_hls(red, green, blue)
    if max(red, green, blue) - min(red, green, blue) < MIN_CHROMA:
        return "gris" if MIN_GREY_LIGHTNESS < lightness < MAX_GREY_LIGHTNESS else ""
    name = next((name for limit, name in _HUES if hue * 360 <= limit), "rouge")
    return "rose" if name == "rouge" and lightness >= PALE else name


def _are_neighbours(one: str, other: str) -> bool:
    """Whether people may give one colour the name of the other: a pale red is « rouge » as well."""
    hues = list(_COLOURS)[:-1]
    return one in hues and other in hues and abs(hues.index(one) - hues.index(other)) in {1, len(hues) - 1}


_NAMED = "|".join(words for _, words in _COLOURS.values())
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
            colour = next((name for name, (_, forms) in _COLOURS.items() if re.fullmatch(forms, word)), "")
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


class RowGroup(NamedTuple):
    """Rows that a file tells from others, which a member takes or leaves."""

    #: The value and the French label of the option that takes them.
    value: str
    label: str
    #: What tells them from others, and why they are left, in sentences.
    source: str
    reason: str
    rows: Collection[Place]
    is_likely_left: bool


class ColouredRows(NamedTuple):
    """The colours that part the rows, the rows and the cells that are legends, and remarks about other legends."""

    colours: list[RowGroup]
    legend_rows: frozenset[Place]
    legend_cells: frozenset[tuple[int, int, int]]
    remarks: list[str]


def find_row_colours(tables: Sequence[ReadTable], sheets: Sequence[WorkbookSheet]) -> ColouredRows:
    """Return the colours that some rows have and others have not. `sheets`: those of the workbook that are not read.

    Raises `UnreadableFile` where the file is damaged there.
    """
    legend_rows = frozenset(_list_legend_rows(tables))
    colours: dict[int, CellColours | None] = {}
    for table in tables:
        index, sheet = table.detected.index, table.detected.sheet
        if index not in colours:
            colours[index] = sheet.read_colours() if sheet.height <= MAX_COLOURED_ROWS else None
    places = [
        (row.sheet, row.number)
        for table in tables
        for row in table.body.rows
        if not row.ignored and (row.sheet, row.number) not in legend_rows
    ]
    marks = _collect_marks(tables, set(places), colours)
    parts: list[LegendPart] = []
    cells: set[tuple[int, int, int]] = set()
    for table in tables:
        for number, at, found in _list_legends(table, set(places), colours, {name for _, name in marks}):
            parts += found
            cells.add((table.detected.index, number, at))
    for sheet in sheets:
        if sheet.height <= MAX_LEGEND_ROWS and sheet.name != LISTS_SHEET:
            parts += [part for row in sheet.rows() for part in read_legend(" : ".join(_list_texts(row)))]
    parting = _part_rows(marks, places, parts)
    return ColouredRows(parting, legend_rows, frozenset(cells), _describe_unapplied(parts, parting, colours))


#: The layer, « colour » of a fill or « font », and the name of a colour.
type _Mark = tuple[str, str]


def _collect_marks(
    tables: Sequence[ReadTable], places: set[Place], colours: Mapping[int, CellColours | None]
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
                    if rgb and (name := name_colour(rgb)):
                        of_column.setdefault((layer, name), set()).add((index, number))
            for mark, rows in of_column.items():
                if len(rows) < len(schools) or len(schools) == 1:
                    marks.setdefault(mark, set()).update(rows)
    return marks


def _part_rows(
    marks: Mapping[_Mark, set[Place]], places: Sequence[Place], parts: Sequence[LegendPart]
) -> list[RowGroup]:
    """Return the colours that part the rows, with their legends; without decoration."""
    names = {name for _, name in marks}
    found, with_legend = [], []
    for (layer, name), rows in marks.items():
        legend = next((part.text for part in parts if part.colour in (name, "")), "") or next(
            (part.text for part in parts if part.colour not in names and _are_neighbours(part.colour, name)), ""
        )
        if len(rows) == len(places) or (not legend and _is_decoration(rows, places)):
            continue
        words, written = f" (« {legend} »)" if legend else "", layer == "font"
        group = RowGroup(
            f"{layer}:{_COLOURS[name][0]}",
            f"Lignes {'écrites ' * written}en {name}{words} – {formatting.pluralize(len(rows), 'ligne')}",
            "la couleur des lignes",
            f"elle est {'écrite ' * written}en {name} dans le fichier{words}",
            rows,
            read_answer(_VERDICT.split(legend)[-1].strip()) not in AGREEING,
        )
        found.append(group)
        with_legend += [group] if legend else []
    return found if len(found) <= MAX_COLOURS else with_legend


def _is_decoration(rows: set[Place], places: Sequence[Place]) -> bool:
    """Whether most rows have a colour, or every other one."""
    at = [position for position, place in enumerate(places) if place in rows]
    is_banded = len(at) > 1 and all(after - before == 2 for before, after in pairwise(at))  # noqa: PLR2004
    return len(rows) * 2 > len(places) or (is_banded and len(rows) * 2 >= len(places) - 1)


def _list_legend_rows(tables: Sequence[ReadTable]) -> Iterator[Place]:
    """Iterate over the rows that hold a legend and no school."""
    for table in tables:
        ordered = sorted(table.columns, key=lambda meaning: table.columns[meaning])
        for row in table.body.rows:
            # « Rouge » and, beside it, « Ne participe pas ».
            is_short = 0 < len(row.cells) <= 2 and Meaning.UAI.value not in row.cells  # noqa: PLR2004
            if is_short and read_legend(" : ".join(row.cells[key] for key in ordered if key in row.cells)):
                yield row.sheet, row.number


def _list_legends(
    table: ReadTable, places: set[Place], colours: Mapping[int, CellColours | None], names: set[str]
) -> Iterator[tuple[int, int, list[LegendPart]]]:
    """Iterate over the texts beside, above and below a table that name a colour, or have one of the rows.

    Each with its row and column; of a row of schools, those under no title.
    """
    index, of_sheet = table.detected.index, colours[table.detected.index] or {}
    titled = {at for at, title in enumerate(table.detected.titles) if title.text}
    for number, row in enumerate(islice(table.detected.sheet.rows(), MAX_COLOURED_ROWS), start=1):
        is_school = (index, number) in places
        if is_school and (not titled or titled.issuperset(range(len(row)))):
            continue
        for at, cell in enumerate(row):
            if not isinstance(cell, str) or not cell.strip() or (is_school and at in titled):
                continue
            after = cell_to_text(row[at + 1]) if at + 1 < len(row) and _ALONE.fullmatch(fold(cell)) else ""
            found = read_legend(f"{cell} : {after}" if after else cell)
            beside = [side for side in (at - 1, at + 1) if side >= len(row) or (side >= 0 and row[side] == "")]
            shown = [colour for side in (at, *beside) if (colour := of_sheet.get((number, side)))]
            own = next((name for colour in shown for rgb in (colour.fill, colour.font) if rgb and
                        (name := name_colour(rgb)) in names), "")  # fmt: skip
            if not found and own and number > (table.detected.header_row or 0):
                found = [LegendPart(own, " ".join(cell.split())[:MAX_SHOWN_LETTERS])]
            if found:
                yield number, at, found


def _list_texts(row: CellRow) -> list[str]:
    return [text for cell in row if isinstance(cell, str) and (text := cell.strip())]


def _describe_unapplied(
    parts: Sequence[LegendPart], found: Sequence[RowGroup], colours: Mapping[int, CellColours | None]
) -> list[str]:
    """Return the remark about a legend that speaks against rows, where no colour of the rows has a legend."""
    against = next((part for part in parts if read_answer(part.text) in AGAINST), None)
    if against is None or any(part.text in group.reason for group in found for part in parts):
        return []
    reason = _UNREADABLE if None in colours.values() else _UNMATCHED
    return [f"La légende de couleurs « {against.text} » n'est pas appliquée : {reason}."]
