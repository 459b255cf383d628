"""Find the rows that a legend of colours refuses: « En rouge : ne participe pas ». Pure.

The colour that a legend names must be that of the school or of its number. No row is refused on a guess: a legend that
is unclear, or whose colour no row surely has, becomes a remark.
"""

import colorsys
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from imports.columns import NAMING_COLUMNS, NUMBER_COLUMNS, Meaning
from imports.formats.sheet_types import CellColour, CellColours, WorkbookSheet
from imports.parsing.colour_legends import ColourLayer, ColourStatement, LegendCell, LegendVerdict
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


#: The meanings whose cells have the colour of a row.
TELLING_MEANINGS = (*NAMING_COLUMNS, *NUMBER_COLUMNS)
#: Legends that are named in remarks, and letters of each.
MAX_REMARKS, MAX_SHOWN_LETTERS = 3, 90
_UAI_KEY = Meaning.UAI.value

_UNREADABLE = (
    "les couleurs de ce fichier ne peuvent pas être lues. Vérifiez les lignes qu'elle concerne, ou déposez le classeur "
    "en .xlsx, .xls ou .ods"
)
_UNMATCHED = "aucune ligne n'a cette couleur à coup sûr. Vérifiez les lignes avant d'appliquer"
_UNCLEAR = "ce qu'elle dit de ces lignes n'est pas sûr. Vérifiez-les"
_ONLY_ACCEPTED = "elle ne dit rien des lignes sans cette couleur. Vérifiez-les"


class AppliedLegends(NamedTuple):
    """What the legends of all tables say."""

    #: Why rows are refused, by sheet and row number.
    reasons: dict[int, dict[int, str]]
    #: The cells that are legends, by sheet: row and column. Those inside take the place of a school.
    cells: dict[int, set[tuple[int, int]]]
    inside: dict[int, set[tuple[int, int]]]
    #: French sentences about legends that are not applied.
    remarks: list[str]


class _Mark(NamedTuple):
    """A colour of a fill or a font."""

    layer: ColourLayer
    rgb: str


class _TableMarks(NamedTuple):
    """The colours of the schools of a table."""

    #: The rows with a colour.
    rows: dict[_Mark, set[int]]
    #: Colours that a whole column has.
    of_columns: set[_Mark]


def apply_legends(tables: Sequence[ReadTable]) -> AppliedLegends:
    """Return what the legends say of the rows of the tables. Raises `UnreadableFile` where the file is damaged."""
    applied = AppliedLegends({}, {}, {}, [])
    found = {(id(cell.sheet), cell.row, cell.column): cell for table in tables for cell in table.legends}
    if any(_says_something(cell) for cell in found.values()):
        _LegendMatcher(tables, list(found.values()), applied).match()
    return applied


def _says_something(cell: LegendCell) -> bool:
    return not cell.statements or any(one.verdict is not LegendVerdict.NEUTRAL for one in cell.statements)


class _LegendMatcher:
    """Compares the legends with the colours of the rows."""

    def __init__(self, tables: Sequence[ReadTable], legends: Sequence[LegendCell], applied: AppliedLegends) -> None:
        self._tables, self._applied = tables, applied
        self._colours: dict[int, CellColours | None] = {}
        self._schools = [{row.number: row for row in table.body.rows if not row.ignored} for table in tables]
        self._legends = [*self._keep_legends(legends)]
        for table, schools in zip(tables, self._schools, strict=True):
            for row, _ in applied.inside.get(table.detected.index, ()):
                schools.pop(row, None)
        self._marks: list[_TableMarks] = []

    def match(self) -> None:
        if not self._legends:
            return
        sheets = [table.detected.sheet for table in self._tables]
        if any(self._read_colours(sheet) is None for sheet in sheets):
            self._add_remarks((cell, _UNREADABLE) for cell in self._legends if cell.statements)
            return
        self._marks = [
            _collect_marks(table, schools, self._read_colours(table.detected.sheet) or {})
            for table, schools in zip(self._tables, self._schools, strict=True)
        ]
        matches = [(cell, one, self._find(cell, one)) for cell in self._legends for one in cell.statements]
        labels = [(cell, self._find_label(cell)) for cell in self._legends if not cell.statements]
        labels = [(cell, found) for cell, found in labels if found or self._is_filled_label(cell)]
        for cell, statement, found in matches:
            if statement.verdict is LegendVerdict.REFUSED:
                self._refuse(found, f"elle est en {statement.colour}, et le fichier dit : « {_shorten(cell.text)} »")
        for cell, found in labels:
            self._note_legend(cell)
            self._refuse(found, f"elle a la couleur de « {_shorten(cell.text)} » dans le fichier")
        explained = set[_Mark]().union(*(found for _, _, found in matches), *(found for _, found in labels))
        self._add_remarks(self._list_unapplied(matches, labels, explained))

    def _keep_legends(self, legends: Iterable[LegendCell]) -> Iterable[LegendCell]:
        """Iterate over the cells that are legends, without titles and answers; note where they are."""
        labels = Counter((id(cell.sheet), cell.column, fold(cell.text)) for cell in legends if not cell.statements)
        for cell in legends:
            at = [i for i, table in enumerate(self._tables) if table.detected.sheet is cell.sheet]
            is_repeated = not cell.statements and labels[id(cell.sheet), cell.column, fold(cell.text)] > 1
            if is_repeated or any(self._is_other(i, cell) for i in at):
                continue
            is_certain = _says_something(cell) if cell.statements else cell.is_inside and self._find_swatch(cell)
            if at and is_certain:
                self._note_legend(cell)
            yield cell

    def _note_legend(self, cell: LegendCell) -> None:
        """Keep where a legend is, so that it is neither an answer nor a school."""
        for table in self._tables:
            if table.detected.sheet is cell.sheet:
                index, place = table.detected.index, (cell.row, cell.column)
                self._applied.cells.setdefault(index, set()).add(place)
                if cell.is_inside:
                    self._applied.inside.setdefault(index, set()).add(place)

    def _is_other(self, at: int, cell: LegendCell) -> bool:
        """Whether a text is a title, the heading of a group, or an answer or a remark of a school."""
        table, schools = self._tables[at], self._schools[at]
        if cell.is_inside and cell.row in schools and not cell.is_alone:
            return not cell.statements or _UAI_KEY in schools[cell.row].cells
        if cell.statements:
            return False
        if any(cell.text in (title.text, title.parent, title.child) for title in table.detected.titles):
            return True
        if cell.is_inside:
            texts = {other.row for other in table.legends if other.is_inside}
            return any(number > cell.row for number in schools.keys() - texts)
        return cell.row in schools and self._is_answer(table, cell)

    def _is_answer(self, table: ReadTable, cell: LegendCell) -> bool:
        """Whether a text that refuses, beside a school, is about that school: right behind it, or of its colour."""
        swatch = self._find_swatch(cell)
        if swatch is None or cell.column - 1 not in cell.blanks:
            return True
        colours = self._read_colours(cell.sheet) or {}
        own = [colours.get((cell.row, column)) for column in _list_telling_columns(table.columns)]
        return any(swatch in _list_cell_marks(colour) for colour in own if colour)

    def _read_colours(self, sheet: WorkbookSheet) -> CellColours | None:
        if id(sheet) not in self._colours:
            self._colours[id(sheet)] = sheet.read_colours()
        return self._colours[id(sheet)]

    def _list_shown(self, cell: LegendCell) -> list[_Mark]:
        """Return the colours of the legend itself: its fill, those of empty cells beside it, its font."""
        colours = self._read_colours(cell.sheet) or {}
        near = [colours.get((cell.row, column)) for column in (cell.column, *cell.blanks)]
        fills = [_Mark(ColourLayer.FILL, colour.fill) for colour in near if colour and colour.fill]
        own = near[0]
        return fills + ([_Mark(ColourLayer.FONT, own.font)] if own and own.font else [])

    def _find_swatch(self, cell: LegendCell) -> _Mark | None:
        return next((mark for mark in self._list_shown(cell) if name_colour(mark.rgb)), None)

    def _is_filled_label(self, cell: LegendCell) -> bool:
        """Whether a label is surely a legend, although no row has its colour."""
        swatch = self._find_swatch(cell)
        in_table = any(
            table.detected.sheet is cell.sheet and cell.row in schools
            for table, schools in zip(self._tables, self._schools, strict=True)
        )
        return swatch is not None and swatch.layer is ColourLayer.FILL and not cell.is_elsewhere and not in_table

    def _find(self, cell: LegendCell, statement: ColourStatement) -> set[_Mark]:
        """Return the colours of rows that a statement is about."""
        if not statement.colour:
            return set()
        shown = [mark for mark in self._list_shown(cell) if statement.colour in name_colour(mark.rgb)]
        present = {
            mark for marks in self._marks for mark in marks.rows if statement.layer in (ColourLayer.ANY, mark.layer)
        }
        named = {mark for mark in present if name_colour(mark.rgb)[:1] == (statement.colour,)}
        found = {mark for mark in present if mark in shown} | named
        return found or _pick_only(mark for mark in present if statement.colour in name_colour(mark.rgb))

    def _find_label(self, cell: LegendCell) -> set[_Mark]:
        """Return the colour of rows that a label of a coloured cell is about."""
        swatch = self._find_swatch(cell)
        present = {mark for marks in self._marks for mark in marks.rows}
        if swatch is None:
            return set()
        if swatch in present:
            return {swatch}
        name = name_colour(swatch.rgb)[0]
        return _pick_only(m for m in present if m.layer is swatch.layer and name_colour(m.rgb)[:1] == (name,))

    def _refuse(self, found: set[_Mark], reason: str) -> None:
        for table, marks in zip(self._tables, self._marks, strict=True):
            for mark in found:
                for number in marks.rows.get(mark, ()):
                    self._applied.reasons.setdefault(table.detected.index, {}).setdefault(number, reason)

    def _list_unapplied(
        self,
        matches: Sequence[tuple[LegendCell, ColourStatement, set[_Mark]]],
        labels: Sequence[tuple[LegendCell, set[_Mark]]],
        explained: set[_Mark],
    ) -> Iterable[tuple[LegendCell, str]]:
        """Iterate over the legends that are not applied, each with the reason."""
        present = {mark for marks in self._marks for mark in marks.rows if name_colour(mark.rgb)}
        # Where every colour is explained, no row has that of this legend.
        is_certain = bool(explained) and present <= explained
        constant = {mark for marks in self._marks for mark in marks.of_columns}
        for cell, statement, found in matches:
            if statement.verdict is LegendVerdict.NEUTRAL or (not found and is_certain):
                continue
            if statement.verdict is LegendVerdict.UNCLEAR:
                yield cell, _UNCLEAR
            elif statement.verdict is LegendVerdict.REFUSED and not found:
                yield cell, _UNMATCHED
            elif statement.verdict is LegendVerdict.ACCEPTED and not self._applied.reasons and statement.colour:
                has_all = any(statement.colour in name_colour(mark.rgb) for mark in constant)
                if not has_all and not self._are_all(found):
                    yield cell, _ONLY_ACCEPTED if found else _UNMATCHED
        for cell, found in labels:
            if not found and not is_certain:
                yield cell, _UNMATCHED

    def _are_all(self, found: set[_Mark]) -> bool:
        """Whether all schools have one of these colours."""
        return all(
            schools.keys() <= set[int]().union(*(marks.rows.get(mark, ()) for mark in found))
            for schools, marks in zip(self._schools, self._marks, strict=True)
        )

    def _add_remarks(self, unapplied: Iterable[tuple[LegendCell, str]]) -> None:
        by_text: dict[str, str] = {}
        for cell, reason in unapplied:
            if _says_something(cell):
                by_text.setdefault(_shorten(cell.text), reason)
        self._applied.remarks.extend(
            f"La légende de couleurs « {text} » n'est pas appliquée : {reason}."
            for text, reason in list(by_text.items())[:MAX_REMARKS]
        )


def _collect_marks(table: ReadTable, schools: Collection[int], colours: CellColours) -> _TableMarks:
    """Return the colours of the schools, without those that all cells of a column have."""
    rows: dict[_Mark, set[int]] = {}
    of_columns: set[_Mark] = set()
    for column in _list_telling_columns(table.columns):
        of_column: dict[_Mark, set[int]] = {}
        for number in schools:
            colour = colours.get((number, column))
            for mark in _list_cell_marks(colour) if colour else ():
                of_column.setdefault(mark, set()).add(number)
        for mark, numbers in of_column.items():
            if len(numbers) == len(schools) > 1:
                of_columns.add(mark)
            else:
                rows.setdefault(mark, set()).update(numbers)
    return _TableMarks(rows, of_columns)


def _list_telling_columns(columns: Mapping[Meaning, int]) -> set[int]:
    return {columns[meaning] for meaning in TELLING_MEANINGS if meaning in columns}


def _list_cell_marks(colour: CellColour) -> list[_Mark]:
    layers = ((ColourLayer.FILL, colour.fill), (ColourLayer.FONT, colour.font))
    return [_Mark(layer, rgb) for layer, rgb in layers if rgb]


def _pick_only(marks: Iterable[_Mark]) -> set[_Mark]:
    """Return the colours if there is only one, none where there are several."""
    found = set(marks)
    return found if len({mark.rgb for mark in found}) == 1 else set()


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_SHOWN_LETTERS else text[: MAX_SHOWN_LETTERS - 1] + "…"
