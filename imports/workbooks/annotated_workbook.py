"""The annotated workbook: the original file if possible, else one of its parsed values."""

import datetime
import io
import logging
import os
import re
import warnings
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

import openpyxl
from openpyxl import Workbook
from openpyxl.cell import Cell, MergedCell, WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.utils import get_column_letter
from openpyxl.utils.datetime import to_excel
from openpyxl.worksheet.dimensions import ColumnDimension
from openpyxl.worksheet.worksheet import Worksheet

from core.spreadsheets import clean_sheet_name
from core.worksheet_cells import (
    BOLD,
    HEADER_FILL,
    WRAPPED,
    build_cell,
    build_header,
    build_text_cell,
    save_to_bytes,
    set_text,
    set_widths,
)
from imports.columns import ADDED_TITLES, LISTS_SHEET, is_added_title
from imports.formats import workbook_parts, xlsx
from imports.formats.detection import open_workbook
from imports.formats.sheet_types import CellRow, WorkbookSheet
from imports.parsing.sheet_shapes import open_tables
from imports.workbooks import cell_marks
from imports.workbooks.cell_marks import StyleCache
from imports.workbooks.marks import MarkedProblem, RowMarks, TableLocation

# Annotate the original workbook: problem cells coloured, with notes, and choices in added columns.
#
# Only marked rows are changed. Everything that openpyxl preserves is kept: formats, other sheets, formulas, hidden
# columns, merged cells, notes, print settings, macros. Three columns are added to the right of the data, or refilled if
# an earlier annotation added them; its colours and notes are removed first.

# Cached results of formulas, which openpyxl drops on writing: restored from the original file.
#
# Spreadsheet programs recompute them, but neither in protected view nor in parsers.

#: By sheet number, from 1, and cell: type attribute and text of the result, as XML.
FormulaResults = dict[int, dict[str, tuple[str, str]]]
_FORMULA = re.compile(
    rb'<c r="(?P<cell>[A-Z]+[0-9]+)"(?P<style> s="[0-9]+")?>(?P<formula><f\b[^>]*?/>|<f\b[^>]*>[^<]*</f>)'
    rb"(?:<v ?/>|<v></v>)</c>"
)


def read_results(book: Workbook, content: bytes) -> FormulaResults:
    """Return the cached results of a workbook's formulas. `content`: the file it was loaded from."""
    formula_cells = {
        (number, sheet.title): formulas
        for number, sheet in enumerate(book.worksheets, start=1)
        if (formulas := {place for place, cell in sheet._cells.items() if cell.data_type == "f"})  # noqa: SLF001 - iterating rows would create cells
    }
    if not formula_cells:
        return {}
    sheets_by_name = {sheet.name: sheet for sheet in open_workbook(content).sheets}
    found: FormulaResults = {}
    for (number, name), formulas in formula_cells.items():
        if name not in sheets_by_name:
            continue
        last = max(row for row, _ in formulas)
        of_sheet = found.setdefault(number, {})
        columns = sorted({column for _, column in formulas})
        for row, values in enumerate(sheets_by_name[name].rows(), start=1):
            if row > last:
                break
            for column in columns:
                if (row, column) in formulas and column <= len(values) and (result := _as_xml(values[column - 1])):
                    of_sheet[f"{get_column_letter(column)}{row}"] = result
    return found


def _as_xml(value: Any) -> tuple[str, str] | None:
    """Return the type attribute and the text of a result, None if empty."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return ' t="b"', str(int(value))
    if isinstance(value, int | float):
        return "", repr(value)
    if isinstance(value, datetime.date | datetime.time | datetime.timedelta):
        return "", repr(to_excel(value))
    return ' t="str"', escape(ILLEGAL_CHARACTERS_RE.sub("", str(value)))


def restore_results(written: bytes, results: Mapping[int, Mapping[str, tuple[str, str]]]) -> bytes:
    """Return a workbook written by openpyxl, with these results inserted."""
    if not results:
        return written
    members = {f"xl/worksheets/sheet{number}.xml": result for number, result in results.items()}
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(written)) as before,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as after,
    ):
        for member in before.infolist():
            content = before.read(member)
            if member.filename in members:
                content = _insert_results(content, members[member.filename])
            after.writestr(member, content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _insert_results(xml: bytes, results: Mapping[str, tuple[str, str]]) -> bytes:
    def beside(match: re.Match[bytes]) -> bytes:
        result = results.get(match["cell"].decode())
        if result is None:
            return match[0]
        kind, text = (part.encode() for part in result)
        return b'<c r="%s"%s%s>%s<v>%s</v></c>' % (
            match["cell"], match["style"] or b"", kind, match["formula"], text,
        )  # fmt: skip

    return _FORMULA.sub(beside, xml)


ADDED_WIDTHS = (60, 44, 44)


class SheetsReshaped(Exception):
    """The tables were read from sheets that the file does not have: its sheets were turned or parted."""


class AnnotatedWorkbook(NamedTuple):
    """An annotated workbook, its file extension, and whether it was rebuilt without formatting."""

    content: bytes
    suffix: str
    rebuilt: bool


class AddedColumns(NamedTuple):
    """Additions to a workbook: index (from 0) of the first of three columns, choice lists, notes, styles."""

    first: int
    offers: cell_marks.ChoiceLists
    notes: cell_marks.NoteWriter
    styles: StyleCache


def locate_added_columns(title_rows: Iterable[Iterable[object]], width: int) -> int:
    """Return the index (from 0) of the first added column: the existing one, else the first after all data."""
    for titles in title_rows:
        for index, title in enumerate(titles):
            if isinstance(title, str) and is_added_title(title):
                return index
    return width


def annotate(
    content: bytes,
    place: TableLocation,
    marks: Sequence[RowMarks],
    sign: Callable[[Workbook, int], None],
    *,
    macros: bool,
) -> bytes:
    """Return the annotated workbook. `sign`: called with it and the index (from 0) of the choice column.

    Raises `SheetsReshaped` where the tables are not those of its sheets, and any exception of openpyxl on an
    unsupported workbook.
    """
    with warnings.catch_warnings():
        # It warns about every feature that it drops.
        warnings.simplefilter("ignore")
        book = openpyxl.load_workbook(io.BytesIO(content), keep_vba=macros)
    try:
        return _annotate(book, content, place, marks, sign)
    finally:
        if book.vba_archive is not None:
            # openpyxl does not close the archive of the macros.
            book.vba_archive.close()


def _annotate(
    book: Workbook,
    content: bytes,
    place: TableLocation,
    marks: Sequence[RowMarks],
    sign: Callable[[Workbook, int], None],
) -> bytes:
    if missing := set(place.names) - set(book.sheetnames):
        raise SheetsReshaped(*sorted(missing))
    results = read_results(book, content)
    of_sheet: dict[int, list[RowMarks]] = defaultdict(list)
    for mark in marks:
        of_sheet[mark.sheet].append(mark)
    sheets: dict[int, Any] = {index: book[place.names[index]] for index in place.headers}
    first = locate_added_columns(_read_titles(sheets, place), _measure_width(sheets, place))
    added = AddedColumns(first, cell_marks.ChoiceLists(book), cell_marks.NoteWriter(), StyleCache())
    for index, sheet in sheets.items():
        cell_marks.remove_marks(sheet)
        _split_column_spans(sheet, first)
        _write_titles(sheet, place.headers[index], first)
        body = (place.headers[index] or 0) + 1
        for row in range(body, sheet.max_row + 1):
            for column in (first, first + 1):
                if (row, column + 1) in sheet._cells:  # noqa: SLF001 - `sheet.cell` would create the cell
                    sheet.cell(row, column + 1).value = None
        for _, header_row in (lower for lower in place.lower_headers if lower[0] == index):
            _write_titles(sheet, header_row, first)
        for mark in of_sheet[index]:
            _mark_row(sheet, mark, place.first, added)
        if of_sheet[index]:
            added.offers.attach(sheet, first, body, sheet.max_row)
    added.offers.write()
    sign(book, first + 2)
    return restore_results(save_to_bytes(book), results)


def _mark_row(sheet: Worksheet, mark: RowMarks, row_column: int, added: AddedColumns) -> None:
    for column, faults in _group_by_column(mark, row_column).items():
        cell = _anchor(sheet, mark.number, column + 1)
        added.styles.apply(cell_marks.choose_colour(faults), cell)
        added.notes.add(cell, [fault.words for fault in faults])
    texts = ("\n".join(fault.words for fault in mark.faults), "\n".join(mark.proposals))
    for offset, text in enumerate(texts):
        beside = _anchor(sheet, mark.number, added.first + offset + 1)
        set_text(beside, text)
        added.styles.apply(cell_marks.wrap_text, beside)
    added.offers.offer(texts[1], mark.proposals)
    choice = _anchor(sheet, mark.number, added.first + 3)
    if mark.choice:
        set_text(choice, mark.choice)
    # Editable even in a protected sheet.
    added.styles.apply(cell_marks.unlock_cell, choice)


def _group_by_column(mark: RowMarks, row_column: int) -> dict[int, list[MarkedProblem]]:
    """Return the problems of a row by column, from 0. `row_column`: of those about the whole row."""
    by_column: dict[int, list[MarkedProblem]] = defaultdict(list)
    for fault in mark.faults:
        by_column[row_column if fault.column is None else fault.column].append(fault)
    return by_column


def _anchor(sheet: Worksheet, row: int, column: int) -> Cell:
    """Return a cell, or the top-left cell of its merged area."""
    cell: Any = sheet.cell(row, column)
    if isinstance(cell, MergedCell):
        area = next(area for area in sheet.merged_cells.ranges if cell.coordinate in area)
        cell = sheet.cell(area.min_row, area.min_col)
    found: Cell = cell
    return found


def _read_titles(sheets: dict[int, Worksheet], place: TableLocation) -> Iterator[list[object]]:
    for index, sheet in sheets.items():
        if row := place.headers[index]:
            yield [sheet.cell(row, column + 1).value for column in range(place.width)]


def _measure_width(sheets: dict[int, Worksheet], place: TableLocation) -> int:
    """Return the number of columns up to the last with a value."""
    return max(
        (
            column
            for sheet in sheets.values()
            for (_, column), cell in sheet._cells.items()  # noqa: SLF001 - iterating rows would create cells
            if cell.value is not None
        ),
        default=place.width,
    )


def _split_column_spans(sheet: Worksheet, first: int) -> None:
    """Split column spans with common format or visibility that overlap the added columns."""
    begins, ends = first + 1, first + len(ADDED_TITLES)
    for letter, span in list(sheet.column_dimensions.items()):
        least, most = span.min or 0, span.max or 0
        if most < begins or least > ends:
            continue
        del sheet.column_dimensions[letter]
        for low, high in ((least, begins - 1), (ends + 1, most)):
            if low <= high:
                key = get_column_letter(low)
                sheet.column_dimensions[key] = ColumnDimension(
                    sheet, index=key, min=low, max=high, width=span.width, hidden=span.hidden,
                    outlineLevel=span.outlineLevel, style=span.style if span.has_style else None,
                )  # fmt: skip
    set_widths(sheet, ADDED_WIDTHS, first=begins)


def _write_titles(sheet: Worksheet, header_row: int | None, first: int) -> None:
    """Write the titles of the added columns, if there is a header row."""
    if header_row is None:
        return
    for offset, title in enumerate(ADDED_TITLES):
        cell = _anchor(sheet, header_row, first + offset + 1)
        set_text(cell, title)
        cell.font, cell.fill, cell.alignment = BOLD, HEADER_FILL, WRAPPED


# Annotated workbook built from parsed values, for files that openpyxl cannot load.
#
# Streamed row by row, in constant memory.

MAX_WIDTH = 50
_WIDTH_SAMPLE_ROWS = 200


def rebuild_from_values(
    content: bytes, place: TableLocation, marks: Sequence[RowMarks], sign: Callable[[Workbook, int], None]
) -> AnnotatedWorkbook:
    """Return a workbook of the file's values, annotated. Raises `UnreadableFile` if it can no longer be parsed.

    `sign`: as for `annotate`.
    """
    read = open_tables(content, place.answers)
    of_sheet: dict[int, dict[int, RowMarks]] = defaultdict(dict)
    for mark in marks:
        of_sheet[mark.sheet][mark.number] = mark
    book = Workbook(write_only=True)
    added = AddedColumns(
        _first_added(read.sheets, place), cell_marks.ChoiceLists(book), cell_marks.NoteWriter(), StyleCache()
    )
    for index, sheet in enumerate(read.sheets):
        if sheet.name == LISTS_SHEET:
            continue
        _SheetWriter(book, sheet, index, added).write(place, of_sheet[index])
    added.offers.write()
    sign(book, added.first + 2)
    return AnnotatedWorkbook(save_to_bytes(book), ".xlsx", rebuilt=True)


class _SheetWriter:
    """Writes one sheet."""

    def __init__(self, book: Workbook, sheet: WorkbookSheet, index: int, added: AddedColumns) -> None:
        self.sheet, self.index = sheet, index
        self.first, self.offers, self.notes, self.styles = added
        self.page: Any = book.create_sheet(clean_sheet_name(sheet.name, index + 1))

    def write(self, place: TableLocation, marks: dict[int, RowMarks]) -> None:
        is_annotated = self.index in place.headers
        top = place.headers.get(self.index)
        widths = _widths(self.sheet)
        set_widths(self.page, widths[: self.first] if is_annotated else widths)
        if is_annotated:
            set_widths(self.page, ADDED_WIDTHS, first=self.first + 1)
            self.page.freeze_panes = f"A{(top or 0) + 1}" if top else None
        for number, row in enumerate(self.sheet.rows(), start=1):
            if is_annotated and (number == top or (self.index, number) in place.lower_headers):
                self.page.append(self._titles(row))
            elif number in marks:
                self.page.append(self._marked(row, marks[number], place.first))
            else:
                self.page.append([build_cell(self.page, value) for value in (self._data(row) if is_annotated else row)])
        if marks:
            self._attach((top or 0) + 1)

    def _data(self, row: CellRow) -> CellRow:
        """Return a row without the texts of an earlier annotation, keeping its choice."""
        choice = row[self.first + 2 : self.first + 3]
        return [*row[: self.first], *(["", "", *choice] if choice else [])]

    def _titles(self, row: CellRow) -> list[Any]:
        titles = [str(value) if value is not None else "" for value in row[: self.first]]
        return build_header(self.page, [*titles, *[""] * (self.first - len(titles)), *ADDED_TITLES])

    def _marked(self, row: CellRow, mark: RowMarks, row_column: int) -> list[Any]:
        choice = row[self.first + 2] if len(row) > self.first + 2 else ""
        cells: list[Any] = [build_cell(self.page, value) for value in row[: self.first]]
        cells += [None] * (self.first - len(cells))
        for column, faults in _group_by_column(mark, row_column).items():
            cell = cells[column]
            if not isinstance(cell, Cell):
                cell = WriteOnlyCell(self.page, cell)
            self.styles.apply(cell_marks.choose_colour(faults), cell)
            self.notes.add(cell, [fault.words for fault in faults])
            cells[column] = cell
        proposals = "\n".join(mark.proposals)
        texts = [build_text_cell(self.page, text) for text in ("\n".join(f.words for f in mark.faults), proposals)]
        for cell in texts:
            self.styles.apply(cell_marks.wrap_text, cell)
        self.offers.offer(proposals, mark.proposals)
        chosen = build_text_cell(self.page, mark.choice) if mark.choice else build_cell(self.page, choice)
        return [*cells, *texts, chosen]

    def _attach(self, top: int) -> None:
        rule = cell_marks.build_validation(get_column_letter(self.first + 2), top)
        letter = get_column_letter(self.first + 3)
        rule.add(f"{letter}{top}:{letter}{max(top, self.sheet.height)}")
        self.page.data_validations.append(rule)


def _first_added(sheets: Sequence[WorkbookSheet], place: TableLocation) -> int:
    titles = (next(islice(sheets[index].rows(), row - 1, None), []) for index, row in place.headers.items() if row)
    width = max((len(row) for index in place.headers for row in sheets[index].rows()), default=0)
    return locate_added_columns(titles, width)


def _widths(sheet: WorkbookSheet) -> list[int]:
    widths: list[int] = []
    for number, row in enumerate(sheet.rows()):
        if number > _WIDTH_SAMPLE_ROWS:
            break
        widths += [8] * (len(row) - len(widths))
        for column, value in enumerate(row):
            widths[column] = min(MAX_WIDTH, max(widths[column], len(str(value)) + 2))
    return widths


logger = logging.getLogger(__name__)

#: Maximum size of an unpacked file for openpyxl on an idle machine: it takes 13 s, and ten times as much memory.
MAX_UNPACKED_BYTES = 45 * 1024 * 1024


def annotate_as_it_came(
    content: bytes, place: TableLocation, marks: Sequence[RowMarks], sign: Callable[[Workbook, int], None]
) -> AnnotatedWorkbook | None:
    """Return the original file annotated; None where it is no .xlsx, too large for now, or refused by openpyxl.

    Also where its tables were turned or parted: their marks belong beside each of them.

    `sign`: called with the workbook and the index (from 0) of the choice column.
    """
    members = workbook_parts.WorkbookArchive(content).members if content.startswith(workbook_parts.SIGNATURE) else {}
    # All of them: openpyxl also parses parts that are not below `xl/`, as the relations tell.
    size = sum(member.file_size for member in members.values())
    if xlsx.WORKBOOK not in members or size > MAX_UNPACKED_BYTES * _processor_share():
        return None
    macros = "xl/vbaproject.bin" in members
    try:
        annotated = annotate(content, place, marks, sign, macros=macros)
    except MemoryError:
        raise
    except SheetsReshaped:
        return None
    except Exception:
        # openpyxl is stricter than Excel, in many ways.
        logger.exception("A workbook could not be annotated as it came.")
        return None
    return AnnotatedWorkbook(annotated, ".xlsm" if macros else ".xlsx", rebuilt=False)


def _processor_share() -> float:
    """Return the share of a processor that a process gets by the load of the last minute, at most 1."""
    return min(1.0, (os.cpu_count() or 1) / max(os.getloadavg()[0], 1.0))
