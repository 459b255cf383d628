"""Files as they come: every encoding and separator that is read, and every file that is refused."""

from __future__ import annotations

import struct
import time
import tracemalloc

import openpyxl
import pytest

from imports.readers import archive, limits
from imports.readers.opening import open_workbook
from imports.readers.refusals import Unreadable
from imports.readers.text import find_separator
from tests.imports.files import UAI, csv, saved, with_sheet_xml, xlsx, zipped

ROWS = [["UAI", "École", "Licences"], [UAI[0], "Élémentaire Jean Jaurès", "3"], [UAI[1], "Zola œuvre", "2"]]


@pytest.mark.parametrize("separator", [";", ",", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_text_is_read_whatever_its_encoding_and_separator(separator, encoding):
    book = open_workbook(csv(ROWS, separator=separator, encoding=encoding))
    assert list(book.sheets[0].rows()) == ROWS


def test_a_quoted_line_break_and_a_quoted_separator_make_no_row_and_no_column():
    book = open_workbook(b'UAI;Adresse\r\n0301234D;"1, rue ; de la Gare\n30000 N\xc3\xaemes"\r\n0301235E;2\r\n')
    rows = list(book.sheets[0].rows())
    assert [len(row) for row in rows] == [2, 2, 2]
    assert "Gare\n30000 Nîmes" in rows[1][1]


def test_excels_hint_names_the_separator_and_keeps_the_numbering():
    rows = list(open_workbook(b"sep=|\r\nUAI|a;b;c\r\n0301234D|1;2;3\r\n").sheets[0].rows())
    assert rows[1] == ["UAI", "a;b;c"]


def test_decimal_commas_are_no_separator():
    assert find_separator("UAI;poids;n\n0301234D;1,5;2\n0301235E;2,25;3\n") == ";"


def test_one_column_needs_no_separator():
    assert list(open_workbook(b"0301234D\n0301235E\n").sheets[0].rows()) == [["0301234D"], ["0301235E"]]


def test_a_workbook_keeps_its_row_numbers_and_its_left_margin():
    book = openpyxl.Workbook()
    book.active["C4"], book.active["C5"] = "RNE", UAI[0]
    sheet = open_workbook(saved(book)).sheets[0]
    assert sheet.height == 5
    rows = list(sheet.rows())
    assert len(rows) == 5
    assert rows[3] == ["", "", "RNE"]
    assert list(sheet.rows()) == rows  # it can be gone through again


REFUSED = {
    "empty": b"  \r\n",
    "too_big": b"a" * (limits.MAX_BYTES + 1),
    "html": b"\xef\xbb\xbf<html><table><tr><td>UAI</td></tr></table></html>",
    "not_text": b"UAI;n\n0301234D;\x001\n",
    "not_supported": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600,
    "encrypted": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le") + b"\0" * 600,
    "not_a_spreadsheet": b"%PDF-1.7\n...",
    "encoding": b"UAI;n\x81\n\xff\xfe\x90;1\n",
    "damaged": xlsx(ROWS)[:-700],
}


@pytest.mark.parametrize("code", REFUSED)
def test_what_cannot_be_read_is_refused_with_a_sentence(code):
    with pytest.raises(Unreadable) as refusal:
        open_workbook(REFUSED[code])
    assert refusal.value.code == code
    assert refusal.value.sentence.endswith(".")


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"content.xml": "<a/>", "mimetype": "application/vnd.oasis.opendocument.spreadsheet"}, "not_supported"),
        ({"xl/workbook.bin": "x"}, "not_supported"),
        ({"word/document.xml": "<a/>"}, "not_a_spreadsheet"),
        ({"xl/workbook.xml": "<nothing"}, "damaged"),
    ],
)
def test_other_archives_are_refused(members, code):
    with pytest.raises(Unreadable) as refusal:
        open_workbook(zipped(members))
    assert refusal.value.code == code


def test_a_bomb_is_refused_by_what_the_directory_says(monkeypatch):
    monkeypatch.setattr(limits, "MAX_UNPACKED", 1_000_000)
    bomb = zipped({"xl/workbook.xml": "<a/>", "xl/worksheets/sheet1.xml": b"0" * 2_000_000})
    assert len(bomb) < 10_000
    with pytest.raises(Unreadable) as refusal:
        open_workbook(bomb)
    assert refusal.value.code == "zip_bomb"


def test_a_bomb_whose_directory_lies_is_refused_before_it_is_unpacked():
    bomb = bytearray(zipped({"xl/workbook.xml": "<a/>", "xl/worksheets/sheet1.xml": b"0" * 50_000_000}))
    for signature, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        at = bomb.rfind(signature)
        bomb[at + offset : at + offset + 4] = struct.pack("<I", 1_000)
    tracemalloc.start()
    with pytest.raises(Unreadable) as refusal:
        open_workbook(bytes(bomb))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refusal.value.code == "damaged"
    assert peak < 5_000_000


SHEET = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>%s</sheetData></worksheet>'


FAR = b'<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'


@pytest.mark.parametrize(
    "rows", [FAR, FAR.replace(b'"', b"'"), FAR.replace(b" r=", b"\n\tr = "), FAR.replace(b"<c ", b'<c s="0" ')]
)
def test_two_cells_at_opposite_corners_are_refused_and_not_allocated(rows):
    began = time.monotonic()
    with pytest.raises(Unreadable) as refusal:
        open_workbook(with_sheet_xml(xlsx(ROWS), SHEET % rows))
    assert refusal.value.code == "too_many_cells"
    assert time.monotonic() - began < 2


def test_rows_that_are_only_formatted_down_to_the_last_one_do_not_count():
    rows = (
        b'<row r="1"><c r="A1" t="inlineStr"><is><t>UAI</t></is></c><c r="ZZ1" s="1"/></row>'
        b'<row r="1048576"><c r="ZZ1048576" s="1"/></row>'
    )
    sheet = open_workbook(with_sheet_xml(xlsx(ROWS), SHEET % rows)).sheets[0]
    assert sheet.height == 1


def test_a_cell_that_straddles_two_pieces_is_seen(monkeypatch):
    monkeypatch.setattr(archive, "PIECE", 64)
    rows = (
        b'<row r="1"><c r="A1"><v>1</v></c></row>'
        + b" " * 37
        + b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    )
    with pytest.raises(Unreadable) as refusal:
        open_workbook(with_sheet_xml(xlsx(ROWS), SHEET % rows))
    assert refusal.value.code == "too_many_cells"


def test_a_text_of_too_many_rows_is_refused(monkeypatch):
    monkeypatch.setattr(limits, "MAX_ROWS", 50)
    with pytest.raises(Unreadable) as refusal:
        open_workbook(b"UAI\n" * 200)
    assert refusal.value.code == "too_many_rows"
    assert "200 lignes" in refusal.value.sentence


def test_an_empty_workbook_is_refused():
    with pytest.raises(Unreadable) as refusal:
        open_workbook(xlsx([]))
    assert refusal.value.code == "empty"
