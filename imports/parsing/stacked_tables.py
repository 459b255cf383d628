"""Read the tables of the selected sheets, several below each other. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import NamedTuple

from imports.columns import NAMING_COLUMNS, Meaning
from imports.formats.exceptions import UnreadableFile
from imports.formats.sheet_types import CellRow
from imports.layout import FurtherTable
from imports.parsing.column_mapping import ColumnMapping, column_letters
from imports.parsing.headers import NumberedRows, compute_header_digest, read_header_below
from imports.parsing.ignored_rows import OTHER_HEADER
from imports.parsing.rows import list_columns, parse_row
from imports.parsing.sheet_body import SheetBody, parse_body
from imports.parsing.sheet_selection import DetectedSheet, build_table

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
    progress: Callable[[int, int], None]
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
        next_header = None
        while True:
            body = parse_body(
                detected,
                mapping.columns,
                numbered,
                volume=self.volume,
                communes=self.communes,
                sums=mapping.sums.values(),
                progress=lambda number: self.progress(rows_before + number, total),
            )
            self.tables.append(ReadTable(detected, mapping.columns, body, below=next_header is not None))
            if next_header is not None:
                mapped = list_columns(mapping.columns)
                body.rows.insert(0, parse_row(detected.index, *next_header, mapped, ignored=OTHER_HEADER.reason))
            next_header = body.next_header
            if next_header is None:
                return
            if len(self.tables) >= MAX_TABLES:
                message = (
                    f"La feuille « {detected.sheet.name} » contient plus de {MAX_TABLES} tableaux l'un sous l'autre, "
                    "aux colonnes différentes. Réunissez-les en un seul, une ligne par école, sous une seule ligne de "
                    "titres."
                )
                raise UnreadableFile("too_many_tables", message)
            detected = _detect_below(detected, *next_header, numbered)
            mapping = self._map_below(detected, mapping)

    def _map_below(self, below: DetectedSheet, above: ColumnMapping) -> ColumnMapping:
        """Return the mapping of a table below another; that of the other where none of its own names a school."""
        digest = compute_header_digest([title.text for title in below.titles])
        if digest not in self._mappings:
            mapping = self.map_table(below)
            self._mappings[digest] = mapping if NAMING_COLUMNS & mapping.columns.keys() else above
        return self._mappings[digest]


def _detect_below(above: DetectedSheet, number: int, row: CellRow, numbered: NumberedRows) -> DetectedSheet:
    """Return the table whose titles are in a row, joined with the row below where there are two header rows."""
    merged = [area._replace(top=area.top - number + 1, bottom=area.bottom - number + 1) for area in above.sheet.merged]
    header = read_header_below([row, *islice(numbered.look_ahead(), 1)], 0, merged)
    lower = header.row or 0
    rows = islice(numbered.look_ahead(), lower, None)
    return build_table(above.index, above.sheet, number + lower, header.titles, rows)


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
