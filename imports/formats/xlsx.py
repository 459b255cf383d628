"""Open an .xlsx: calamine reads its cells, and its XML is looked through for what calamine does not show.

Those are formulas without a result, errors, hidden rows and columns, struck cells, and numbers with digits struck or
raised. A sheet without any of them is only searched for their marks; another is parsed. Colours are read on demand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

from openpyxl.utils import column_index_from_string

from core.xml_streaming import create_parser, local_name
from imports.formats import calamine_sheets, limits, marked_digits, xlsx_colours, xlsx_styles
from imports.formats.exceptions import damaged, too_many_formulas, too_many_sheets
from imports.formats.loaded_workbook import LoadedWorkbook
from imports.formats.sheet_types import SheetMetadata
from imports.formats.worksheet_parts import find_worksheets
from imports.formats.xlsx_columns import find_hidden_columns
from imports.formats.xml_parser import parse_xml
from imports.formats.zip_archive import WorkbookArchive

#: Member names in lower case, as they are looked up.
WORKBOOK, RELATIONS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
SHARED_STRINGS = "xl/sharedstrings.xml"
#: Charts, dialogs and macros have names as well.
_MAX_NAMES = 1_000
#: Texts without which a sheet has neither a formula nor an error, however it is written.
_MARKS = (b"<f", b":f", b'"e"', b"'e'")
#: Attributes of a hidden row; above the rows, they are those of a hidden column.
_HIDDEN_MARKS = (b'hidden="1"', b'hidden="true"', b"hidden='1'", b"hidden='true'")
_HIDDEN_MARK = b"hidden="
_ROWS_MARK = b"sheetData"
_LONGEST_MARK = max(map(len, (*_MARKS, *_HIDDEN_MARKS, *marked_digits.MARKS)))
_REFERENCE = re.compile(r"([A-Za-z]{1,3})([0-9]{1,7})")


def open_xlsx(content: bytes, archive: WorkbookArchive) -> LoadedWorkbook:
    """Open an .xlsx or .xlsm. Raises `UnreadableFile`."""
    struck = frozenset[str]()
    if xlsx_styles.STYLES in archive.members:
        struck = xlsx_styles.find_struck_styles(archive.read(xlsx_styles.STYLES))
    marked_texts = _find_marked_texts(archive)
    metadata: dict[str, SheetMetadata] = {}
    remarks: list[str] = []
    for name, member in _find_sheets(archive).items():
        marks = _search(archive.read(member), struck)
        found = _XlsxSheetScanner(struck).scan(archive.read(member)) if marks.cells else SheetMetadata()
        metadata[name] = found._replace(
            hidden_columns=find_hidden_columns(archive.read(member)) if marks.columns else frozenset(),
            read_colours=partial(xlsx_colours.read_cell_colours, archive, member),
        )
        if marked_texts or marks.digits:
            cells = marked_digits.find_marked_cells(archive.read(member), marked_texts)
            remarks += [marked_digits.describe_marked_cells(name, cells)] if cells else []
    workbook = LoadedWorkbook("xlsx", calamine_sheets.read_named_sheets(content, metadata))
    workbook.remarks += remarks
    return workbook


def _find_marked_texts(archive: WorkbookArchive) -> set[int]:
    """Return the shared strings that are numbers with digits struck or raised."""
    if SHARED_STRINGS not in archive.members or not _search(archive.read(SHARED_STRINGS), frozenset()).digits:
        return set()
    return marked_digits.find_marked_texts(archive.read(SHARED_STRINGS))


def _find_sheets(archive: WorkbookArchive) -> dict[str, str]:
    """Return the name of each worksheet's member by sheet name, in order."""
    identities: dict[str, str] = {}

    def sheet(element: str, attributes: dict[str, str]) -> None:
        if local_name(element) == "sheet":
            related = next((value for key, value in attributes.items() if local_name(key) == "id"), "")
            identities[attributes.get("name", "")] = attributes.get("r:id", related)
        if len(identities) > _MAX_NAMES:
            raise too_many_sheets(len(identities), limits.MAX_SHEETS)

    parse_xml(create_parser(sheet), archive.read(WORKBOOK))
    return find_worksheets(archive, RELATIONS, identities)


class _FoundMarks(NamedTuple):
    """Whether an XML file has the marks of cells to look at, of digits struck or raised, and of hidden columns."""

    cells: bool
    digits: bool
    columns: bool


def _search(pieces: Iterable[bytes], struck_styles: frozenset[str]) -> _FoundMarks:
    """Return which marks occur. Reads to the end, so that a damaged member is noticed."""
    marks = (*_MARKS, *(f" s={quote}{style}{quote}".encode() for style in struck_styles for quote in "\"'"))
    tail, cells, digits, columns, in_rows = b"", False, False, False, False
    for piece in pieces:
        text = tail + piece
        digits = digits or any(mark in text for mark in marked_digits.MARKS)
        rows_start = 0 if in_rows else text.find(_ROWS_MARK)
        columns = columns or text.find(_HIDDEN_MARK, 0, rows_start if rows_start >= 0 else None) >= 0
        in_rows = rows_start >= 0
        if not cells:
            may_hide = in_rows and text.find(_HIDDEN_MARK, rows_start) >= 0
            cells = any(mark in text for mark in marks) or (
                may_hide and any(text.find(mark, rows_start) >= 0 for mark in _HIDDEN_MARKS)
            )
        tail = piece[-_LONGEST_MARK:]
    return _FoundMarks(cells, digits, columns)


class _XlsxSheetScanner:
    """Parses a sheet, and positions each cell as calamine does."""

    def __init__(self, struck_styles: frozenset[str]) -> None:
        self._parser = create_parser(self._start_root)
        self._struck_styles = struck_styles
        #: The cell's reference, or its row (from 1) and column (from 0): most references need not be understood.
        self._place: str | tuple[int, int] = (0, -1)
        self._prefix = self._cell = ""
        self._has_result = False
        self._uncomputed, self._errors = set[tuple[int, int]](), set[tuple[int, int]]()
        self._struck, self._hidden_rows = set[tuple[int, int]](), set[int]()

    def scan(self, pieces: Iterable[bytes]) -> SheetMetadata:
        parse_xml(self._parser, pieces)
        return SheetMetadata(
            (),
            frozenset(self._uncomputed),
            frozenset(self._errors),
            frozenset(self._hidden_rows),
            frozenset(self._struck),
        )

    def _start_root(self, name: str, _: dict[str, str]) -> None:
        self._prefix = name.removesuffix(local_name(name))
        self._cell = f"{self._prefix}c"
        self._parser.StartElementHandler = self._start

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name == self._cell:
            place = attributes.get("r")
            if place is None:
                row, column = self._position()
                self._place = row, column + 1
            else:
                self._place = place
            kind = attributes.get("t")
            # A formula whose result is an empty text was computed all the same.
            self._has_result = kind == "str"
            if kind == "e":
                self._add(self._errors)
            if attributes.get("s") in self._struck_styles and len(self._struck) < limits.MAX_STRUCK_CELLS:
                self._struck.add(self._position())
            return
        kind = name.removeprefix(self._prefix)
        if kind == "f":
            # Only cells with a formula need the other handlers.
            self._parser.EndElementHandler = self._end
        elif kind == "v":
            if self._parser.EndElementHandler is not None:
                self._parser.CharacterDataHandler = self._text
        elif kind == "row":
            row = _parse_row(attributes.get("r")) or self._position()[0] + 1
            self._place = row, -1
            if attributes.get("hidden") in ("1", "true"):
                self._hidden_rows.add(row)

    def _position(self) -> tuple[int, int]:
        """Return the row (from 1) and the column (from 0) of the cell."""
        if isinstance(self._place, str):
            match = _REFERENCE.fullmatch(self._place)
            if match is None:
                raise damaged()
            self._place = int(match[2]), column_index_from_string(match[1]) - 1
        return self._place

    def _text(self, _: str) -> None:
        self._has_result = True

    def _end(self, name: str) -> None:
        """Note a formula without a result. Called only within a cell with a formula."""
        if name == self._cell:
            self._parser.EndElementHandler = self._parser.CharacterDataHandler = None
            if not self._has_result:
                self._add(self._uncomputed)
        else:
            self._parser.CharacterDataHandler = None

    def _add(self, positions: set[tuple[int, int]]) -> None:
        positions.add(self._position())
        if len(positions) > limits.MAX_UNRESOLVED_FORMULAS:
            raise too_many_formulas()


def _parse_row(text: str | None) -> int:
    """Return the number of a row, 0 where it has none. Raises `UnreadableFile` where it is no number."""
    if text is None:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= 10):  # noqa: PLR2004
        raise damaged()
    return int(text)
