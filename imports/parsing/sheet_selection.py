"""Select the sheets to read, and find the header row of each; sheets shown in another shape."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import NamedTuple

from imports.cells import CellType
from imports.columns import LISTS_SHEET, NUMBER_COLUMNS, Meaning
from imports.formats.exceptions import UnreadableFile
from imports.formats.sheet_types import (
    CellColours,
    CellNotes,
    CellPositions,
    CellRow,
    MergedRange,
    Workbook,
    WorkbookSheet,
)
from imports.parsing.cell_classification import MAX_SAMPLED_COLUMNS, classify_cell
from imports.parsing.column_titles import Title, match_meanings
from imports.parsing.headers import Header, compute_header_digest, find_header, read_header, take_table

# Sheets whose tables do not stand as the parser reads them, shown as sheets that do. Pure.
#
# `parsing.sheet_shapes` recognises them. Their names are of no sheet in the file, which cannot be annotated as it came.


class ReshapedSheet:
    """A sheet made of one of the file, its origin."""

    def __init__(
        self,
        name: str,
        origin: WorkbookSheet,
        read_rows: Callable[[], Iterable[CellRow]],
        height: int,
        move: Callable[[int, int], tuple[int, int] | None] = lambda *_: None,
        *,
        hidden_rows: Iterable[int] = (),
        hidden_columns: Iterable[int] = (),
    ) -> None:
        """`read_rows`: returns its `height` rows, from row 1, each time. `move`: where a cell stands now."""
        self.name, self.origin, self.hidden, self.height = name, origin, origin.hidden, height
        self._read_rows, self._move = read_rows, move
        self.merged: Sequence[MergedRange] = [area for one in origin.merged if (area := self._move_range(one))]
        self.uncomputed, self.errors, self.struck, self.marked_digits = map(
            self._move_all, (origin.uncomputed, origin.errors, origin.struck, origin.marked_digits)
        )
        self.hidden_rows, self.hidden_columns = frozenset(hidden_rows), frozenset(hidden_columns)
        self.notes: CellNotes = self._move_values(origin.notes)

    def rows(self) -> Iterator[CellRow]:
        """Iterate over all rows."""
        yield from self._read_rows()

    def read_colours(self) -> CellColours | None:
        """Return the colours of the cells; None where they cannot be told."""
        colours = self.origin.read_colours()
        return None if colours is None else self._move_values(colours)

    def _move_values[T](self, values: Mapping[tuple[int, int], T]) -> dict[tuple[int, int], T]:
        return {to: value for at, value in values.items() if (to := self._move(*at))}

    def _move_all(self, positions: CellPositions) -> CellPositions:
        return frozenset(to for at in positions if (to := self._move(*at)))

    def _move_range(self, area: MergedRange) -> MergedRange | None:
        """Return a merged range; None where its first cell, which has its value, is gone."""
        corners = (area.top, area.bottom)
        cells = [self._move(row, column) for row in corners for column in range(area.left, area.right + 1)]
        if cells[0] is None:
            return None
        rows, columns = zip(*filter(None, cells), strict=True)
        return MergedRange(min(rows), min(columns), max(rows), max(columns))


def find_origin(sheet: WorkbookSheet) -> WorkbookSheet:
    """Return the sheet of the file that a sheet is made of."""
    return sheet.origin if isinstance(sheet, ReshapedSheet) else sheet


def take_columns(
    sheet: WorkbookSheet, name: str, columns: Sequence[int], take_rows: Callable[[Iterable[CellRow]], Iterable[CellRow]]
) -> ReshapedSheet:
    """Return some columns of a sheet, counted from 0 again. `take_rows`: returns their cells in all of its rows."""
    places = {column: place for place, column in enumerate(columns)}
    return ReshapedSheet(
        name,
        sheet,
        lambda: take_rows(sheet.rows()),
        sheet.height,
        lambda row, column: (row, places[column]) if column in places else None,
        hidden_rows=sheet.hidden_rows,
        hidden_columns=(places[column] for column in sheet.hidden_columns if column in places),
    )


def turn(sheet: WorkbookSheet, name: str, rows: Sequence[CellRow]) -> ReshapedSheet:
    """Return a sheet that lies on its side with its columns as rows: row 2 is column B. `rows`: all of the sheet's."""
    height = max(map(len, rows), default=0)
    return ReshapedSheet(
        name,
        sheet,
        lambda: ([row[column] if column < len(row) else "" for row in rows] for column in range(height)),
        height,
        lambda row, column: (column + 1, row - 1),
        hidden_rows=(column + 1 for column in sheet.hidden_columns),
        hidden_columns=(row - 1 for row in sheet.hidden_rows),
    )


#: Rows sampled to find the header and to map the columns.
SAMPLE_ROWS = 400
#: For each of several sheets read together.
MIN_SAMPLE_ROWS = 40
#: Rows above a table that may say something about it.
MAX_BANNER_ROWS = 20


@dataclass(frozen=True)
class DetectedSheet:
    """A sheet to read, or a table in it.

    `header_row`: its header row (the last of two), from 1, None where it has none.
    """

    index: int
    sheet: WorkbookSheet
    header_row: int | None
    titles: list[Title]
    #: The first rows below the header, to map the columns.
    sample: list[CellRow]

    @cached_property
    def header_digest(self) -> str:
        """Digest of the titles, equal for sheets with the same ones; without titles, the columns that hold UAI."""
        if digest := compute_header_digest([title.text for title in self.titles]):
            return digest
        coded = {i for row in self.sample for i, cell in enumerate(row) if classify_cell(cell) & CellType.UAI}
        return f"{len(self.titles)}:{sorted(coded)}" if coded else ""


class SheetSelection(NamedTuple):
    """The sheets to read, and the others that list schools; in order."""

    detected_sheets: list[DetectedSheet]
    unread: list[DetectedSheet]


class _SheetScore(NamedTuple):
    """How suitable a sheet is; fields compared in order."""

    is_list: bool
    visible: bool
    has_uai: bool
    has_quantity: bool
    uais: int
    rows: int


def select_sheets(
    workbook: Workbook, *, sheets: Sequence[str] | None = None, header_row: int | None = None
) -> SheetSelection:
    """Return the sheets to read. `sheets`, `header_row`: the member's choices (row 0 for « no header »).

    Raises `UnreadableFile` where no sheet has such a name.
    """
    candidates = [_detect(index, sheet) for index, sheet in enumerate(workbook.sheets) if sheet.name != LISTS_SHEET]
    scores = {detected.index: _score(detected) for detected in candidates}
    if sheets:
        selected = [_detect(index, workbook.sheets[index]) for index in _find_chosen(workbook, sheets)]
    else:
        best = max(candidates, key=lambda detected: scores[detected.index])
        selected = [detected for detected in candidates if _is_read_with(best, detected, scores)]
    if header_row is not None:
        selected = [_with_header_row(detected, header_row, selected[0]) for detected in selected]
    taken = {detected.index for detected in selected}
    unread = [one for one in candidates if one.index not in taken and scores[one.index].is_list]
    return SheetSelection(selected, unread)


def _is_read_with(best: DetectedSheet, other: DetectedSheet, scores: Mapping[int, _SheetScore]) -> bool:
    """Whether a sheet is the best one, or is read together with it: for its titles, or beside it in one sheet."""
    if other.index == best.index:
        return True
    if find_origin(other.sheet) is find_origin(best.sheet):
        return scores[other.index].is_list
    same_titles = bool(best.header_digest) and other.header_digest == best.header_digest
    filled = scores[best.index].is_list and scores[other.index].rows > 0
    return same_titles and filled and other.sheet.hidden == best.sheet.hidden


def collect_sample(detected_sheets: Sequence[DetectedSheet]) -> list[CellRow]:
    """Return sample rows of all sheets, to map the columns; omit single-cell rows: headings and notes."""
    each = max(MIN_SAMPLE_ROWS, SAMPLE_ROWS // len(detected_sheets))
    rows = [row for detected in detected_sheets for row in detected.sample[:each]]
    return [row for row in rows if sum(1 for cell in row if cell != "") > 1] or rows


def read_banner(detected: DetectedSheet) -> list[CellRow]:
    """Return the rows above the titles of a table, the nearest ones where there are many."""
    above = (detected.header_row or 1) - 1
    return list(islice(detected.sheet.rows(), max(above - MAX_BANNER_ROWS, 0), above))


def _find_chosen(workbook: Workbook, names: Sequence[str]) -> list[int]:
    """Return the indexes of the sheets that a member chose by name."""
    chosen = {name: _find_sheets(workbook.sheets, name) for name in names}
    missing = [name for name, indexes in chosen.items() if not indexes]
    if missing:
        available = ", ".join(f"« {sheet.name} »" for sheet in workbook.sheets)
        raise UnreadableFile(
            "unknown_sheet", f"Ce fichier n'a pas de feuille « {missing[0]} ». Il contient : {available}."
        )
    return sorted(set().union(*chosen.values()))


def _find_sheets(sheets: Sequence[WorkbookSheet], name: str) -> list[int]:
    """Return the index of the sheet of this name; of those that it was, where tables side by side were read otherwise.

    Such tables have the name of their sheet and their columns, « Écoles (A à C) ».
    """
    matches: tuple[Callable[[WorkbookSheet], bool], ...] = (
        lambda sheet: sheet.name == name,
        lambda sheet: find_origin(sheet).name == name,
        lambda sheet: name.startswith(f"{sheet.name} (" if sheet.name else "Colonnes "),
    )
    found = ([index for index, sheet in enumerate(sheets) if is_match(sheet)] for is_match in matches)
    return next(filter(None, found), [])


def _detect(index: int, sheet: WorkbookSheet) -> DetectedSheet:
    rows = list(islice(sheet.rows(), SAMPLE_ROWS))
    return _build(index, sheet, rows, find_header(rows, sheet.merged))


def _with_header_row(detected: DetectedSheet, header_row: int, first: DetectedSheet) -> DetectedSheet:
    """Return the sheet with its header in the row that the member chose.

    The choice was made on the first sheet: another with the same titles in a different row keeps its own.
    """
    if header_row > detected.sheet.height:
        return detected
    rows = list(islice(detected.sheet.rows(), header_row + SAMPLE_ROWS))
    if not header_row:
        return _build(detected.index, detected.sheet, rows, Header(None, []))
    chosen = _build(detected.index, detected.sheet, rows, read_header(rows, header_row - 1, detected.sheet.merged))
    if detected.index == first.index:
        return chosen
    return detected if detected.header_digest == first.header_digest != chosen.header_digest else chosen


def _build(index: int, sheet: WorkbookSheet, rows: list[CellRow], header: Header) -> DetectedSheet:
    start = 0 if header.row is None else header.row + 1
    return build_table(index, sheet, None if header.row is None else header.row + 1, header.titles, rows[start:])


def build_table(
    index: int, sheet: WorkbookSheet, header_row: int | None, titles: list[Title], rows: Iterable[CellRow]
) -> DetectedSheet:
    """Return the table below a header, with a sample of its `rows`, without those of another table further down."""
    sample = list(islice(take_table(rows, titles), SAMPLE_ROWS))
    width = max(map(len, sample), default=0)
    return DetectedSheet(index, sheet, header_row, titles + [Title("")] * (width - len(titles)), sample)


def _score(detected: DetectedSheet) -> _SheetScore:
    uai_count = sum(_holds_uai(row) for row in detected.sample)
    meanings = {meaning for title in detected.titles if title.text for meaning in match_meanings(title)}
    has_quantity = not meanings.isdisjoint(NUMBER_COLUMNS)
    rows = sum(1 for row in detected.sample if any(row))
    by_name = Meaning.NAME in meanings and (has_quantity or bool(meanings & {Meaning.COMMUNE, Meaning.POSTAL_CODE}))
    lists_names = not meanings and _lists_school_names(detected.sample)
    return _SheetScore(
        is_list=rows > 0 and (uai_count > 0 or by_name or lists_names),
        visible=not detected.sheet.hidden,
        has_uai=uai_count > 0,
        has_quantity=has_quantity,
        uais=uai_count,
        rows=rows,
    )


def _holds_uai(row: CellRow) -> bool:
    return any(isinstance(cell, str) and classify_cell(cell) & CellType.UAI for cell in row[:MAX_SAMPLED_COLUMNS])


def _lists_school_names(rows: Sequence[CellRow]) -> bool:
    """Whether at least half of the rows name a school, such as « École Jean Jaurès »."""
    named = sum(any(isinstance(cell, str) and classify_cell(cell) & CellType.SCHOOL for cell in row) for row in rows)
    return named * 2 >= len(rows) > 1
