"""Formats that few people send: read where a library reads them, else refused by their name."""

import datetime
import struct
from typing import Any

import pytest

from bench.damaged.xlsb_writer import write_xlsb
from imports.formats.detection import open_workbook
from imports.formats.exceptions import UnreadableFile
from imports.parsing.spreadsheet import ParsingOptions, parse_spreadsheet
from tests.imports.actions import build_annotated, upload_and_parse
from tests.imports.sample_files import (
    UNUSED_UAIS,
    build_csv,
    build_ods,
    build_xls,
    build_xlsx,
    build_zip,
    read_members,
    replace_sheet_xml,
)
from tests.imports.xls_records import with_records

ROWS: list[list[Any]] = [
    ["UAI", "École", "Licences"],
    *[[uai, f"École {n}", n] for n, uai in enumerate(UNUSED_UAIS, start=2)],
]


def build_fods(rows, before="\n  "):
    """Return an OpenDocument spreadsheet in one file, indented as LibreOffice writes it."""
    content = read_members(build_ods(rows))["content.xml"].decode()
    content = content.replace("office:document-content", "office:document").replace("<table:", f"{before}<table:")
    kind = 'office:mimetype="application/vnd.oasis.opendocument.spreadsheet" '
    return content.replace("<office:document ", f"<office:document {kind}", 1).encode()


def units_by_uai(content):
    return {row.cells["uai"]: row.units for row in parse_spreadsheet(content, ParsingOptions()).rows}


@pytest.mark.parametrize(
    "content",
    [write_xlsb({"Feuil1": ROWS}), build_fods(ROWS), build_fods(ROWS, before="")],
    ids=["xlsb", "fods", "fods in one line"],
)
def test_binary_and_flat_workbooks_are_read_as_the_others(content):
    assert units_by_uai(content) == {uai: n for n, uai in enumerate(UNUSED_UAIS, start=2)}


@pytest.mark.slow
@pytest.mark.parametrize("content", [write_xlsb({"Feuil1": ROWS}), build_fods(ROWS)], ids=["xlsb", "fods"])
def test_the_annotated_workbook_of_a_rarer_format_is_an_xlsx_of_its_values(pool, content):
    book = build_annotated(upload_and_parse(pool, content, filename="liste"))
    assert [cell.value for cell in book.worksheets[0][2]][:3] == [UNUSED_UAIS[0], "École 2", 2]


def test_a_binary_workbook_shows_errors_merged_cells_and_hidden_sheets():
    content = write_xlsb(
        {"A": [["x", "y"], [1, "#N/A"], [None, 300.5]], "B": [["z"]]}, merged=[(1, 2, 0, 0)], hidden=["B"]
    )
    workbook = open_workbook(content)
    first, second = workbook.sheets
    assert (workbook.kind, first.hidden, second.hidden) == ("xlsb", False, True)
    assert [*first.rows()] == [["x", "y"], [1, ""], ["", 300.5]]
    assert (first.errors, [tuple(area) for area in first.merged]) == ({(2, 1)}, [(2, 0, 3, 0)])


@pytest.mark.parametrize("lost", ["xl/worksheets/sheet2.bin", "xl/_rels/workbook.bin.rels"])
def test_a_binary_workbook_that_lost_a_member_is_refused(lost):
    members = read_members(write_xlsb({"A": ROWS, "B": ROWS}))
    del members[lost]
    with pytest.raises(UnreadableFile) as refusal:
        open_workbook(build_zip(members))
    assert refusal.value.code == "damaged"


def test_a_binary_workbook_whose_list_of_sheets_is_cut_off_is_refused():
    members = read_members(write_xlsb({"A": ROWS, "B": ROWS}))
    members["xl/workbook.bin"] = members["xl/workbook.bin"][:40]
    with pytest.raises(UnreadableFile, match="abîmé"):
        open_workbook(build_zip(members))


def test_a_date_in_a_built_in_format_of_east_asia_is_a_date():
    day = datetime.date(2026, 9, 1)

    def use_format(kind, data):
        # The format's number of each style (XF): 27 in place of our own one.
        return data[:2] + struct.pack("<H", 27) + data[4:] if kind == 0xE0 and data[2:4] >= b"\xa4" else data

    content = with_records(build_xls([["UAI", "Date"], [UNUSED_UAIS[0], day]]), use_format)
    assert [*open_workbook(content).sheets[0].rows()][1] == [UNUSED_UAIS[0], day]


FIXED = """UAI        École                 Licences
0301234D   Jean Jaurès           3
0301235E   Émile Zola            4
0301236F   Les Trois Moulins     5
"""
REFUSED = {
    "SYLK": b'ID;PWXL;N;E\r\nC;Y1;X1;K"UAI"\r\nE\r\n',
    "JSON": b'[\n  {"uai": "0301234D", "licences": 3}\n]',
    "largeur fixe": FIXED.encode(),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_format_that_is_not_read_is_refused_by_its_name(name):
    with pytest.raises(UnreadableFile) as refusal:
        open_workbook(REFUSED[name])
    assert refusal.value.code == "not_supported"
    assert name in refusal.value.sentence
    assert "déposez ce fichier-là." in refusal.value.sentence


@pytest.mark.parametrize(
    "text", ["École\nÉcole Jean Jaurès\nÉcole Zola\nÉcole du Centre\n", FIXED.replace("  ", ";"), "[REP] Zola;3\n"]
)
def test_a_column_of_names_and_a_text_with_separators_are_no_fixed_columns(text):
    assert open_workbook(text.encode()).kind == "csv"


def test_rows_with_more_cells_than_columns_are_named_in_a_remark():
    rows = [*ROWS * 3]
    lines = build_csv(rows).decode().splitlines()
    lines[3] = lines[3].replace("École 4", "École 4; annexe")
    remarks = open_workbook("\n".join(lines).encode()).remarks
    assert [remark[:40] for remark in remarks] == ["La ligne 4 a plus de cases que le tablea"]


@pytest.mark.parametrize("ending", [";;;", ""])
def test_separators_at_the_end_of_rows_are_no_cells(ending):
    lines = [f"{line}{ending if n % 2 else ''}" for n, line in enumerate(build_csv(ROWS * 3).decode().splitlines())]
    assert open_workbook("\n".join(lines).encode()).remarks == []


def runs(first, second, mark):
    """Return the XML of a text of two runs, of which the second is marked."""
    return f"<r><t>{first}</t></r>\n<r><rPr>{mark}</rPr><t>{second}</t></r>"


@pytest.mark.parametrize(
    ("text", "is_marked"),
    [
        (runs(5, 1, '<vertAlign val="superscript"/>'), True),
        (runs(5, 1, "<strike/>"), True),
        (runs(5, 1, '<strike val="0"/>'), False),
        (runs(5, 1, "<b/>"), False),
        (runs("École", 1, '<vertAlign val="superscript"/>'), False),
        (runs("", 8, "<strike/>"), False),
    ],
    ids=["raised", "struck", "not struck", "bold", "a footnote of a name", "all of it struck"],
)
@pytest.mark.parametrize("is_shared", [True, False])
def test_a_number_with_digits_struck_or_raised_is_known(text, is_marked, is_shared):
    cell = '<c r="C7" t="s"><v>1</v></c>' if is_shared else f'<c r="C7" t="inlineStr"><is>{text}</is></c>'
    content = replace_sheet_xml(
        build_xlsx(ROWS), f'<worksheet xmlns="{MAIN}"><sheetData><row r="7">{cell}</row></sheetData></worksheet>'
    )
    strings = f'<sst xmlns="{MAIN}"><si><t>UAI</t></si><si>{text}</si></sst>'
    workbook = open_workbook(build_zip({**read_members(content), "xl/sharedStrings.xml": strings}))
    assert workbook.sheets[0].marked_digits == ({(7, 2)} if is_marked else set())


MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
