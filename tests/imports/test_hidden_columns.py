"""Hidden columns: found in each format, and never read as a number of licences or classes without a word."""

import io

import openpyxl
import pytest
import xlwt
from odf.opendocument import OpenDocumentSpreadsheet
from odf.table import Table, TableCell, TableColumn, TableRow
from odf.text import P

from bench.damaged.xlsb_writer import write_xlsb
from imports.columns import Meaning
from imports.formats.detection import open_workbook
from imports.parsing.sheet_selection import take_columns, turn
from imports.parsing.spreadsheet import ParsingOptions, parse_spreadsheet
from tests.imports.sample_files import UNUSED_UAIS, build_csv, build_xlsx, replace_sheet_xml, save_workbook

TITLES = ("UAI", "École", "Nb licences", "Retenu 2026")
ROWS = [[uai, f"École {n}", 9 - n, n] for n, uai in enumerate(UNUSED_UAIS, start=2)]


def hide_in_xlsx(rows, *letters):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(list(row))
    for letter in letters:
        book.active.column_dimensions[letter].hidden = True
    return save_workbook(book)


def hide_in_xls(rows, column):
    book = xlwt.Workbook()
    page = book.add_sheet("A")
    for top, row in enumerate(rows):
        for left, cell in enumerate(row):
            page.write(top, left, cell)
    page.col(column).hidden = True
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def hide_in_ods(rows, column):
    document = OpenDocumentSpreadsheet()
    table = Table(name="A")
    table.addElement(TableColumn(numbercolumnsrepeated=column))
    table.addElement(TableColumn(visibility="collapse"))
    table.addElement(TableColumn())
    for row in rows:
        line = TableRow()
        for cell in row:
            kind = {"valuetype": "float", "value": cell} if isinstance(cell, int) else {"valuetype": "string"}
            element = TableCell(**kind)
            element.addElement(P(text=str(cell)))
            line.addElement(element)
        table.addElement(line)
    document.spreadsheet.addElement(table)
    out = io.BytesIO()
    document.write(out)
    return out.getvalue()


FILES = {
    "xlsx": hide_in_xlsx([TITLES, *ROWS], "C"),
    "xls": hide_in_xls([TITLES, *ROWS], 2),
    "ods": hide_in_ods([TITLES, *ROWS], 2),
    "xlsb": write_xlsb({"A": [list(TITLES), *ROWS]}, hidden_columns=[2]),
}


def parse(content, **options):
    return parse_spreadsheet(content, ParsingOptions(**options))


def parse_hidden(titles, *letters, numbers=((3, 5), (4, 6), (2, 8)), **options):
    """Parse a list with these columns of numbers, of which some are hidden; the first is B."""
    rows = [[uai, *line] for uai, line in zip(UNUSED_UAIS, numbers, strict=False)]
    return parse(hide_in_xlsx([["UAI", *titles], *rows], *letters), **options)


def read_columns(parsed):
    return {meaning: index for meaning, index in parsed.columns.items() if meaning in (Meaning.UNITS, Meaning.CLASSES)}


@pytest.mark.parametrize("kind", FILES)
def test_hidden_columns_are_found_in_each_format(kind):
    (sheet,) = open_workbook(FILES[kind]).sheets
    assert sheet.hidden_columns == {2}
    assert take_columns(sheet, "C à D", (2, 3), iter).hidden_columns == {0}
    turned = turn(sheet, "tournée", [list(TITLES), *ROWS])
    assert (turned.hidden_rows, turned.hidden_columns) == ({3}, frozenset())


def test_a_text_and_a_file_without_hidden_columns_have_none():
    for content in (build_csv([TITLES, *ROWS]), build_xlsx([TITLES, *ROWS])):
        assert open_workbook(content).sheets[0].hidden_columns == frozenset()


def test_hidden_columns_to_the_end_of_the_sheet_are_no_more_than_it_has():
    xml = (
        b'<x:worksheet xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><x:cols>'
        b'<x:col min="2" max="99999999" hidden="true"/></x:cols><x:sheetData><x:row r="1"><x:c r="A1">'
        b"<x:v>1</x:v></x:c></x:row></x:sheetData></x:worksheet>"
    )
    assert len(open_workbook(replace_sheet_xml(build_xlsx([TITLES]), xml)).sheets[0].hidden_columns) == 16_383


@pytest.mark.parametrize("kind", FILES)
def test_a_hidden_number_is_asked_about(kind):
    parsed = parse(FILES[kind])
    assert [question.code for question in parsed.questions] == ["doubtful_numbers"]
    assert parsed.questions[0].message == (
        "« Nb licences » (C) donne-t-elle bien le nombre de licences ? Cette colonne est masquée dans le fichier."
    )
    confirmed = parse(FILES[kind], answers={"doubtful_numbers": "C"})
    assert (confirmed.questions, [row.units for row in confirmed.rows]) == ([], [7, 6, 5, 4, 3])
    assert read_columns(parse(FILES[kind], answers={"doubtful_numbers": "not-C"})) == {}


@pytest.mark.parametrize(
    ("titles", "hidden", "expected"),
    [
        (["Licences 2025", "Licences 2026"], "B", {Meaning.UNITS: 2}),
        (["Nb licences", "Nombre de licences"], "B", {Meaning.UNITS: 2}),
        (["Nb licences", "Nombre de licences"], "C", {Meaning.UNITS: 1}),
        (["Nb classes", "Nombre de classes"], "B", {Meaning.CLASSES: 2}),
    ],
)
def test_a_visible_column_that_fits_equally_is_read_in_place_of_a_hidden_one(titles, hidden, expected):
    parsed = parse_hidden(titles, hidden)
    assert (parsed.questions, read_columns(parsed)) == ([], expected)


def test_of_two_equal_columns_the_visible_one_is_read():
    parsed = parse_hidden(["Quantité", "Quantité"], "B", numbers=((5, 5), (6, 6), (8, 8)))
    assert (parsed.questions, read_columns(parsed)) == ([], {Meaning.UNITS: 2})


@pytest.mark.parametrize(
    ("titles", "hidden", "code"),
    [
        (["Licences demandées", "Licences accordées"], "C", "ambiguous_column"),
        (["Licences élèves", "Licences enseignants"], "B", "ambiguous_column"),
        (["Licences 2025", "Licences 2026"], "BC", "ambiguous_column"),
        (["Nb classes", "Remarque"], "B", "doubtful_numbers"),
    ],
)
def test_a_hidden_column_that_says_another_thing_is_asked_about(titles, hidden, code):
    assert [question.code for question in parse_hidden(titles, *hidden).questions] == [code]


def test_a_sum_with_a_hidden_part_is_asked_about():
    titles = ["Classes CP", "Classes CE1"]
    assert parse_hidden(titles).questions == []
    parsed = parse_hidden(titles, "C")
    assert [question.message[-24:] for question in parsed.questions] == ["Une part en est masquée."]


def test_a_hidden_column_without_titles_is_no_number():
    rows = [[uai, n] for n, uai in zip((3, 1, 4, 1, 5), UNUSED_UAIS, strict=True)]
    assert read_columns(parse(hide_in_xlsx(rows))) == {Meaning.UNITS: 1}
    assert read_columns(parse(hide_in_xlsx(rows, "B"))) == {}


def test_hidden_columns_that_give_no_number_are_read_as_before():
    parsed = parse(hide_in_xlsx([TITLES[:3], *[row[:3] for row in ROWS]], "A", "B"))
    assert parsed.questions == []
    assert [row.cells["uai"] for row in parsed.rows] == UNUSED_UAIS
