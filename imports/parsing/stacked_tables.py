"""Read the tables of the selected sheets, several below each other, columns added up. Pure."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, pairwise
from typing import NamedTuple

from imports.cells import cell_to_text, parse_quantity
from imports.columns import NAMING_COLUMNS, Meaning
from imports.formats.exceptions import UnreadableFile
from imports.formats.sheet_types import CellColours, CellRow, CellValue, WorkbookSheet
from imports.layout import FurtherTable
from imports.parsing.column_mapping import ColumnMapping, column_letters
from imports.parsing.headers import NumberedRows, compute_header_digest, read_header_below
from imports.parsing.ignored_rows import OTHER_HEADER
from imports.parsing.rows import list_columns, parse_row
from imports.parsing.sheet_body import SheetBody, parse_body
from imports.parsing.sheet_selection import DetectedSheet, build_table

# Columns that are parts of one number, read as their sum: « 2 + 3 + 1 = 6 ». Pure.
#
# The sum is written with its parts, so that the member sees where it comes from, and is parsed as any other cell.

#: A row with its number, from 1.
type NumberedRow = tuple[int, CellRow]
#: Cells that mean « none » beside numbers.
_NONE = frozenset(("", "-", "–", "—"))
#: Stands for a part that is not in the file: a sum without it would be too low.
_UNKNOWN = "?"


def add_columns(
    detected: DetectedSheet, rows: Iterable[NumberedRow], sums: Collection[Sequence[int]]
) -> tuple[DetectedSheet, Iterable[NumberedRow]]:
    """Return a table and its rows with, in the first of the columns of each sum, the sum of them all."""
    if not sums:
        return detected, rows
    sheet = _SummedSheet(detected.sheet, sums)
    return replace(detected, sheet=sheet), ((number, sheet.sum_row(number, row)) for number, row in rows)


def write_sum(cells: Sequence[CellValue]) -> CellValue:
    """Return the text of a sum with its parts; the only part where the others are empty, "" where all are."""
    parts = [cell for cell in cells if cell_to_text(cell) not in _NONE]
    if len(parts) < 2:  # noqa: PLR2004 - no sum
        return parts[0] if parts else ""
    numbers = [parse_quantity(part) for part in parts]
    counts = [number for number in numbers if isinstance(number, int)]
    if len(counts) < len(numbers):
        return " + ".join(map(cell_to_text, parts))
    return f"{' + '.join(map(str, counts))} = {sum(counts)}"


class _SummedSheet:
    """A `WorkbookSheet` whose rows have the sums in place of their first parts."""

    def __init__(self, sheet: WorkbookSheet, sums: Collection[Sequence[int]]) -> None:
        self._sheet, self._sums = sheet, sums
        self.name, self.hidden, self.merged = sheet.name, sheet.hidden, sheet.merged
        self.hidden_rows, self.hidden_columns, self.struck = sheet.hidden_rows, sheet.hidden_columns, sheet.struck
        self.notes, self.marked_digits = sheet.notes, sheet.marked_digits
        parts = {index: columns[0] for columns in sums for index in columns}
        # A number shared by several rows stands in the first of them alone.
        shared = {
            (row, index)
            for area in sheet.merged
            for index in parts
            if area.left <= index <= area.right
            for row in range(area.top + 1, min(area.bottom, sheet.height) + 1)
        }
        unread = sheet.uncomputed | sheet.errors
        self._missing = shared | {(row, index) for row, index in unread if index in parts}
        missing_sums = frozenset((row, parts[index]) for row, index in sheet.uncomputed if index in parts)
        self.uncomputed = sheet.uncomputed | missing_sums
        # The text of the sum says where the error is.
        self.errors = frozenset(position for position in sheet.errors if position[1] not in parts)

    @property
    def height(self) -> int:
        """Number of rows."""
        return self._sheet.height

    def read_colours(self) -> CellColours | None:
        """Return the colours of the cells; None where they cannot be told."""
        return self._sheet.read_colours()

    def rows(self) -> Iterator[CellRow]:
        """Iterate over the rows, with the sums."""
        for number, row in enumerate(self._sheet.rows(), start=1):
            yield self.sum_row(number, row)

    def sum_row(self, number: int, row: CellRow) -> CellRow:
        """Return a row with the sums."""
        summed = row
        for columns in self._sums:
            if any(index < len(row) for index in columns):
                summed = [*summed, *[""] * (columns[0] + 1 - len(summed))]
                summed[columns[0]] = write_sum([self._part(number, row, index) for index in columns])
        return summed

    def _part(self, number: int, row: CellRow, index: int) -> CellValue:
        if self._missing and (number, index) in self._missing:
            return _UNKNOWN
        return row[index] if index < len(row) else ""


#: More tables in the selected sheets are forms rather than lists.
MAX_TABLES = 100
#: The meanings named in the remark about a table.
_NAMED_MEANINGS = (Meaning.UAI, Meaning.NAME, Meaning.COMMUNE, Meaning.UNITS, Meaning.CLASSES, Meaning.EMAIL)


class ReadTable(NamedTuple):
    """A table that was read: where it is, its columns, its rows."""

    detected: DetectedSheet
    columns: Mapping[Meaning, int]
    body: SheetBody
    #: Whether it is below another one in its sheet.
    below: bool


@dataclass
class TableReader:
    """Reads the sheets one after the other."""

    volume: Meaning | None
    communes: frozenset[str]
    #: Returns the mapping of a table.
    map_table: Callable[[DetectedSheet], ColumnMapping]
    progress: Callable[[int, int], None] | None = None
    tables: list[ReadTable] = field(default_factory=list)
    #: By the digest of the titles.
    _mappings: dict[str, ColumnMapping] = field(default_factory=dict)

    def read(self, detected_sheets: Sequence[DetectedSheet], mappings: Sequence[ColumnMapping]) -> list[ReadTable]:
        """Return the tables of the sheets, in order. Raises `UnreadableFile` where they are too many."""
        total, rows_before = sum(detected.sheet.height for detected in detected_sheets), 0
        for detected, mapping in zip(detected_sheets, mappings, strict=True):
            self._mappings.setdefault(detected.header_digest, mapping)
            self._read_sheet(detected, mapping, rows_before, total)
            rows_before += detected.sheet.height
        return self.tables

    def _read_sheet(self, detected: DetectedSheet, mapping: ColumnMapping, rows_before: int, total: int) -> None:
        numbered = NumberedRows(detected.sheet.rows())
        table = self._read_table(detected, mapping, numbered, rows_before, total)
        self.tables.append(table)
        while table.body.next_header is not None:
            if len(self.tables) >= MAX_TABLES:
                raise too_many_tables(detected.sheet.name)
            number, row = table.body.next_header
            below = self._detect_below(table, number, row, numbered)
            mapping = self._map_below(below, mapping)
            table = self._read_table(below, mapping, numbered, rows_before, total)
            table = table._replace(below=True)
            mapped = list_columns(mapping.columns)
            table.body.rows.insert(0, parse_row(below.index, number, row, mapped, ignored=OTHER_HEADER.reason))
            self.tables.append(table)

    def _read_table(
        self,
        detected: DetectedSheet,
        mapping: ColumnMapping,
        numbered: NumberedRows,
        rows_before: int,
        total: int,
    ) -> ReadTable:
        progress = self.progress
        summed, rows = add_columns(detected, numbered, mapping.sums.values())
        body = parse_body(
            summed,
            mapping.columns,
            rows,
            volume=self.volume,
            communes=self.communes,
            progress=None if progress is None else lambda number: progress(rows_before + number, total),
        )
        if body.next_header is not None:
            # The titles of the next table, without sums of this one.
            body = body._replace(next_header=numbered.last)
        return ReadTable(detected, mapping.columns, body, below=False)

    def _detect_below(self, above: ReadTable, number: int, row: CellRow, numbered: NumberedRows) -> DetectedSheet:
        """Return the table whose titles are in a row, joined with the row below where there are two header rows."""
        sheet = above.detected.sheet
        merged = [area._replace(top=area.top - number + 1, bottom=area.bottom - number + 1) for area in sheet.merged]
        header = read_header_below([row, *islice(numbered.look_ahead(), 1)], 0, merged)
        lower = header.row or 0
        rows = islice(numbered.look_ahead(), lower, None)
        return build_table(above.detected.index, sheet, number + lower, header.titles, rows)

    def _map_below(self, below: DetectedSheet, above: ColumnMapping) -> ColumnMapping:
        """Return the mapping of a table below another; that of the other where none of its own names a school."""
        digest = compute_header_digest([title.text for title in below.titles])
        if digest not in self._mappings:
            mapping = self.map_table(below)
            self._mappings[digest] = mapping if NAMING_COLUMNS & mapping.columns.keys() else above
        return self._mappings[digest]


def too_many_tables(sheet: str) -> UnreadableFile:
    """Return the error for a sheet with one small table below the other."""
    return UnreadableFile(
        "too_many_tables",
        f"La feuille « {sheet} » contient plus de {MAX_TABLES} tableaux l'un sous l'autre, aux colonnes différentes. "
        "Réunissez-les en un seul, une ligne par école, sous une seule ligne de titres.",
    )


def list_further_tables(tables: Sequence[ReadTable], columns: Mapping[Meaning, int]) -> list[FurtherTable]:
    """Return the tables below another, and those of sheets whose columns are not `columns`."""
    return [
        FurtherTable(table.detected.index, table.detected.header_row, table.columns)
        for table in tables
        if table.below or table.columns != columns
    ]


def describe_tables(tables: Sequence[ReadTable], volume: Meaning | None) -> list[str]:
    """Return a remark about each table that is read with other columns than the one above it."""
    remarks = []
    for above, table in pairwise(tables):
        if not table.below or table.columns == above.columns:
            continue
        named = [f"{one.label} : {column_letters(table.columns[one])}" for one in _NAMED_MEANINGS
                 if one in table.columns]  # fmt: skip
        name = table.detected.sheet.name
        remark = (
            f"Un autre tableau commence à la ligne {table.detected.header_row}"
            f"{f' de la feuille « {name} »' if name else ''}. Il est lu avec ses propres colonnes ({', '.join(named)})."
        )
        if volume is not None and volume not in table.columns:
            remark += f" Aucune n'y donne « {volume.label} » : ses lignes sont à compléter."
        remarks.append(remark)
    return remarks
