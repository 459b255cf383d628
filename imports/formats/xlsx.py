"""Open an .xlsx: calamine reads its cells, and its XML is looked through for what calamine does not show.

Those are formulas without a result, errors, hidden rows and columns, struck cells, and numbers with digits struck or
raised. A sheet without any of them is only searched for their marks; another is parsed. Colours are read on demand.
"""

import posixpath
import re
from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

from openpyxl.utils import column_index_from_string

from core.xml_streaming import create_parser, local_name
from imports.formats import limits, loaded_workbook
from imports.formats.exceptions import damaged, too_many_formulas, too_many_sheets
from imports.formats.loaded_workbook import LoadedWorkbook
from imports.formats.sheet_types import CellColour, CellColours, CellNotes, CellPositions, SheetMetadata
from imports.formats.workbook_parts import (
    BLACK,
    THEME,
    WHITE,
    WorkbookArchive,
    WorkbookPalette,
    find_worksheets,
    parse_rgb,
    parse_xml,
    parse_xml_while,
    read_theme,
)

# Find numbers of an .xlsx of which some digits are struck or raised: calamine reads « 5¹ » as 51.
#
# A text of several formats is a list of runs, in the shared strings or in the cell.

#: Texts without which no digit is marked, however the XML is written.
MARKS = (b"strike", b"vertAlign")
#: Fills of cells that annotating a workbook marks: light red for errors and conflicts, light amber for warnings, light
#: green for what was decided on the page. In no standard palette, so that they can be recognised; the original fill is
#: kept in the background colour, which a solid fill does not use.
MARK_COLOURS = SEVERE_COLOUR, WARNING_COLOUR, DECIDED_COLOUR = "FFFFC9C4", "FFFFE7A3", "FFD3EBC9"
#: Author of the notes that annotating a workbook adds, and what stands between a note of the file and ours.
NOTE_AUTHOR, NOTE_SEPARATOR = "Pep's", "— Pep's —"
_DIGITS = re.compile(r"\s*[0-9]{1,6}\s*")
_OFF = frozenset({"0", "false", "baseline"})


class _TextReader:
    """Collects the runs of one text."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._is_marked = self._in_text = False
        #: Whether it has digits that are marked, and others.
        self._has_marked = self._has_plain = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "r":
            self._is_marked = False
        elif name in {"strike", "vertAlign"}:
            self._is_marked = self._is_marked or attributes.get("val", "") not in _OFF
        self._in_text = name == "t"

    def add(self, text: str) -> None:
        if self._in_text:
            self._texts.append(text)
            if any(map(str.isdecimal, text)):
                self._has_marked |= self._is_marked
                self._has_plain |= not self._is_marked

    def end(self) -> None:
        self._in_text = False

    def is_marked_number(self) -> bool:
        """Return whether the text reads as one number, and some of its digits are marked and others are not."""
        return self._has_marked and self._has_plain and _DIGITS.fullmatch("".join(self._texts)) is not None


def _locate(reference: str) -> tuple[int, int]:
    """Return the row and the column of « C3 »; a row 0 for what is no reference."""
    match = _REFERENCE.fullmatch(reference)
    return (int(match[2]), column_index_from_string(match[1]) - 1) if match is not None else (0, 0)


def find_marked_texts(pieces: Iterable[bytes]) -> set[int]:
    """Return the indexes of the shared strings that are numbers with marked digits."""
    found: set[int] = set()
    count = -1
    reader = _TextReader()

    def start(element: str, attributes: dict[str, str]) -> None:
        nonlocal count, reader
        name = local_name(element)
        if name == "si":
            count, reader = count + 1, _TextReader()
        reader.start(name, attributes)

    def text(data: str) -> None:
        reader.add(data)

    def end(element: str) -> None:
        reader.end()
        if local_name(element) == "si" and reader.is_marked_number():
            found.add(count)

    parser = create_parser(start)
    parser.EndElementHandler, parser.CharacterDataHandler = end, text
    parse_xml(parser, pieces)
    return found


def find_marked_cells(pieces: Iterable[bytes], marked_texts: set[int]) -> CellPositions:
    """Return the cells of a sheet that hold a number with marked digits."""
    found: set[tuple[int, int]] = set()
    reference = kind = value = ""
    in_value = False
    reader = _TextReader()

    def start(element: str, attributes: dict[str, str]) -> None:
        nonlocal reference, kind, value, in_value, reader
        name = local_name(element)
        if name == "c":
            reference, kind, value, reader = attributes.get("r", ""), attributes.get("t", ""), "", _TextReader()
        in_value = name == "v"
        reader.start(name, attributes)

    def text(data: str) -> None:
        nonlocal value
        if in_value:
            value += data
        reader.add(data)

    def end(element: str) -> None:
        nonlocal in_value
        in_value = False
        reader.end()
        if local_name(element) == "c":
            is_shared = kind == "s" and value.strip().isdecimal() and int(value) in marked_texts
            if is_shared or (kind == "inlineStr" and reader.is_marked_number()):
                found.add(_locate(reference))

    parser = create_parser(start)
    parser.EndElementHandler, parser.CharacterDataHandler = end, text
    parse_xml(parser, pieces)
    return frozenset(found)


_TRUE = ("1", "true")


def find_hidden_columns(pieces: Iterable[bytes]) -> frozenset[int]:
    """Return the hidden columns of a worksheet; its rows are not parsed. Raises `UnreadableFile`."""
    hidden: set[int] = set()
    in_rows = False

    def start(element: str, attributes: dict[str, str]) -> None:
        nonlocal in_rows
        name = local_name(element)
        if name == "sheetData":
            in_rows = True
        elif name == "col" and not in_rows and attributes.get("hidden") in _TRUE:
            # Columns are numbered from 1 in the file.
            first, last = int(attributes.get("min", "1")), int(attributes.get("max", "0"))
            hidden.update(range(max(first, 1) - 1, min(last, limits.MAX_COLUMNS)))

    parse_xml_while(create_parser(start), pieces, lambda: not in_rows)
    return frozenset(hidden)


#: Member name in lower case, as it is looked up.
STYLES = "xl/styles.xml"
_FALSE = ("0", "false")


def find_struck_styles(pieces: Iterable[bytes]) -> frozenset[str]:
    """Return the styles, as cells name them, with a font that is struck through. Raises `UnreadableFile`."""
    scanner = _StyleScanner()
    parse_xml(scanner.parser, pieces)
    return frozenset(scanner.struck_styles)


class _StyleScanner:
    """Collects the fonts that are struck, then the cell styles that use them."""

    def __init__(self) -> None:
        self.parser = create_parser(self._start)
        self.parser.EndElementHandler = self._end
        self.struck_styles: list[str] = []
        #: « fonts » or « cellXfs »; other parts hold fonts of conditional formats.
        self._part = ""
        self._fonts = self._styles = 0
        self._struck_fonts: set[str] = set()

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        element = local_name(name)
        if element in ("fonts", "cellXfs"):
            self._part = element
        elif self._part == "fonts":
            if element == "font":
                self._fonts += 1
            elif element == "strike" and attributes.get("val", "1") not in _FALSE:
                self._struck_fonts.add(str(self._fonts - 1))
        elif self._part == "cellXfs" and element == "xf":
            if attributes.get("fontId") in self._struck_fonts:
                self.struck_styles.append(str(self._styles))
            self._styles += 1

    def _end(self, name: str) -> None:
        if local_name(name) == self._part:
            self._part = ""


_NO_COLOUR = CellColour("", "")


def read_cell_colours(archive: WorkbookArchive, member: str) -> CellColours | None:
    """Return the coloured cells of a worksheet, None where they are too many. Raises `UnreadableFile`."""
    if STYLES not in archive.members:
        return {}
    theme = read_theme(archive.read(THEME)) if THEME in archive.members else []
    styles = _ColourStyleScanner().scan(archive.read(STYLES), theme)
    return _scan_cells(archive.read(member), styles) if styles else {}


class _ColourStyleScanner:
    """Collects the fills and fonts, then the cell styles that use them."""

    def __init__(self) -> None:
        self._parser = create_parser(self._start)
        self._parser.EndElementHandler = self._end
        #: « fonts », « fills » or « cellXfs »; other parts hold those of conditional formats.
        self._part = ""
        self._is_solid = False
        #: Attributes of the colour of each font and of each solid fill.
        self._fonts: list[dict[str, str]] = []
        self._fills: list[dict[str, str]] = []
        self._indexed: list[str] = []
        self._styles: list[dict[str, str]] = []

    def scan(self, pieces: Iterable[bytes], theme: list[str]) -> dict[str, CellColour]:
        """Return the colours of the cell styles that have any, by their number as cells name it."""
        parse_xml(self._parser, pieces)
        palette = WorkbookPalette(theme, self._indexed or None)
        fonts = [_drop(palette.resolve(attributes), BLACK) for attributes in self._fonts]
        fills = [_drop(palette.resolve(attributes), WHITE) for attributes in self._fills]
        colours = [
            CellColour(_pick_part(fills, style.get("fillId", "")), _pick_part(fonts, style.get("fontId", "")))
            for style in self._styles
        ]
        return {str(number): colour for number, colour in enumerate(colours) if colour != _NO_COLOUR}

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        element = local_name(name)
        if element in ("fonts", "fills", "cellXfs", "indexedColors"):
            self._part = element
        elif self._part == "fonts":
            if element == "font":
                self._fonts.append({})
            elif element == "color" and self._fonts:
                self._fonts[-1] = attributes
        elif self._part == "fills":
            self._read_fill(element, attributes)
        elif (self._part, element) == ("cellXfs", "xf"):
            self._styles.append(attributes)
        elif (self._part, element) == ("indexedColors", "rgbColor"):
            self._indexed.append(parse_rgb(attributes.get("rgb", "")))

    def _read_fill(self, element: str, attributes: dict[str, str]) -> None:
        if element == "fill":
            self._fills.append({})
        elif element == "patternFill":
            self._is_solid = attributes.get("patternType") == "solid"
        elif element == "fgColor" and self._is_solid and self._fills:
            self._fills[-1] = attributes
        elif element == "bgColor" and self._fills and self._fills[-1].get("rgb") in MARK_COLOURS:
            # Our own mark of a problem, which keeps the colour that the cell had.
            self._fills[-1] = attributes

    def _end(self, name: str) -> None:
        if local_name(name) == self._part:
            self._part = ""


def _scan_cells(pieces: Iterable[bytes], styles: dict[str, CellColour]) -> CellColours | None:
    found: dict[tuple[int, int], CellColour] = {}
    row, column, is_full = 0, -1, False

    def start(element: str, attributes: dict[str, str]) -> None:
        nonlocal row, column, is_full
        name = local_name(element)
        if name == "row":
            number = attributes.get("r", "")
            row, column = int(number) if number.isdecimal() and len(number) <= 7 else row + 1, -1  # noqa: PLR2004
        elif name == "c":
            reference = attributes.get("r")
            if reference is None:
                column += 1
            else:
                match = _REFERENCE.fullmatch(reference)
                if match is None:
                    raise damaged()
                row, column = int(match[2]), column_index_from_string(match[1]) - 1
            colour = styles.get(attributes.get("s", "0"))
            if colour is not None:
                is_full = is_full or len(found) >= limits.MAX_COLOURED_CELLS
                if not is_full:
                    found[row, column] = colour

    parse_xml(create_parser(start), pieces)
    return None if is_full else found


#: What precedes the text of a note that others may answer, for programs that cannot show it so.
_NOTE_PREAMBLE = re.compile(r"^\[.*?\n\s*(?:Comment|Commentaire)\s*:\s*", re.DOTALL)


def read_cell_notes(archive: WorkbookArchive, member: str) -> CellNotes:
    """Return the notes on the cells of a worksheet, the first `MAX_NOTES`. Raises `UnreadableFile`."""
    folder, name = posixpath.split(member)
    relations, targets = f"{folder}/_rels/{name}.rels", list[str]()

    def relation(element: str, attributes: dict[str, str]) -> None:
        if local_name(element) == "Relationship" and attributes.get("Type", "").endswith("/comments"):
            path = posixpath.normpath(posixpath.join("/", folder, attributes.get("Target", "")))
            targets.append(path.lstrip("/").lower())

    if relations in archive.members:
        parse_xml(create_parser(relation), archive.read(relations))
    notes: dict[tuple[int, int], str] = {}
    for target in targets:
        if target in archive.members:
            _scan_notes(archive.read(target), notes)
    return notes


def _scan_notes(pieces: Iterable[bytes], notes: dict[tuple[int, int], str]) -> None:
    """Add the notes of a document, without those of an earlier annotation."""
    authors, texts, collects = list[str](), list[str](), False
    place, author = (0, 0), ""

    def start(element: str, attributes: dict[str, str]) -> None:
        nonlocal place, author, texts, collects
        name = local_name(element)
        if name in {"author", "comment"}:
            texts = []
        if name == "comment":
            place = _locate(attributes.get("ref", ""))
            author = _pick_part(authors, attributes.get("authorId", ""))
        collects = name in {"author", "t"}

    def text(data: str) -> None:
        if collects:
            texts.append(data)

    def end(element: str) -> None:
        nonlocal collects
        collects = False
        name = local_name(element)
        if name == "author":
            authors.append("".join(texts))
        elif name == "comment" and author != NOTE_AUTHOR and len(notes) < limits.MAX_NOTES:
            own = _NOTE_PREAMBLE.sub("", "".join(texts)).partition(NOTE_SEPARATOR)[0]
            note = " ".join(own.split())[: limits.MAX_NOTE_LENGTH]
            if note and place[0]:
                notes[place] = note

    parser = create_parser(start)
    parser.EndElementHandler, parser.CharacterDataHandler = end, text
    parse_xml(parser, pieces)


def _drop(colour: str, usual: str) -> str:
    return "" if colour == usual else colour


def _pick_part(colours: list[str], index: str) -> str:
    return colours[int(index)] if index.isdecimal() and len(index) <= 6 and int(index) < len(colours) else ""  # noqa: PLR2004


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
_LONGEST_MARK = max(map(len, (*_MARKS, *_HIDDEN_MARKS, *MARKS)))
_REFERENCE = re.compile(r"([A-Za-z]{1,3})([0-9]{1,7})")


def open_xlsx(content: bytes, archive: WorkbookArchive) -> LoadedWorkbook:
    """Open an .xlsx or .xlsm. Raises `UnreadableFile`."""
    struck = frozenset[str]()
    if STYLES in archive.members:
        struck = find_struck_styles(archive.read(STYLES))
    marked_texts = _find_marked_texts(archive)
    metadata: dict[str, SheetMetadata] = {}
    for name, member in _find_sheets(archive).items():
        marks = _search(archive.read(member), struck)
        found = _XlsxSheetScanner(struck).scan(archive.read(member)) if marks.cells else SheetMetadata()
        metadata[name] = found._replace(
            hidden_columns=find_hidden_columns(archive.read(member)) if marks.columns else frozenset(),
            read_colours=partial(read_cell_colours, archive, member),
            notes=read_cell_notes(archive, member),
            marked_digits=find_marked_cells(archive.read(member), marked_texts)
            if marked_texts or marks.digits
            else frozenset(),
        )
    return LoadedWorkbook("xlsx", loaded_workbook.read_named_sheets(content, metadata))


def _find_marked_texts(archive: WorkbookArchive) -> set[int]:
    """Return the shared strings that are numbers with digits struck or raised."""
    if SHARED_STRINGS not in archive.members or not _search(archive.read(SHARED_STRINGS), frozenset()).digits:
        return set()
    return find_marked_texts(archive.read(SHARED_STRINGS))


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
        digits = digits or any(mark in text for mark in MARKS)
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
