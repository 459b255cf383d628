"""Refused files: with a message that says what they are and what to do, in bounded time and memory."""

import re
import resource
import struct

import pytest

from imports.foreign_files import parse_foreign_file
from imports.formats import limits
from imports.formats.detection import open_workbook
from imports.formats.exceptions import UnreadableFile
from imports.parsing.spreadsheet import ParsingOptions
from tests.imports.sample_files import (
    UNUSED_UAIS,
    build_ods,
    build_xls,
    build_xlsx,
    build_zip,
    read_members,
    replace_sheet_xml,
    use_shared_strings,
)
from tests.imports.xls_records import build_container, read_stream, with_password, with_records

ROWS = [
    ["UAI", "École", "Licences"],
    [UNUSED_UAIS[0], "Élémentaire Jean Jaurès", "3"],
    [UNUSED_UAIS[1], "Zola œuvre", "2"],
]
SPREADSHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def get_refusal(content):
    with pytest.raises(UnreadableFile) as caught:
        open_workbook(content)
    sentence = caught.value.sentence
    assert sentence.endswith(".")
    assert sentence[0].isupper()
    assert not re.search(r"  |\s\.(?![a-z])|\bNone\b", sentence)
    return caught.value


def replace_member_text(content, name, old, new):
    """Return an archive with a text replaced in one of its members."""
    members = read_members(content)
    assert old.encode() in members[name]
    members[name] = members[name].replace(old.encode(), new.encode())
    return build_zip(members)


def sheet(rows):
    return replace_sheet_xml(
        build_xlsx(ROWS), f'<worksheet xmlns="{SPREADSHEET}"><sheetData>{rows}</sheetData></worksheet>'
    )


def container_with(name):
    """Return a container whose one stream has this name."""
    content = build_container(b"\0" * 4096)
    at = content.index("Workbook".encode("utf-16-le"))
    text = name.encode("utf-16-le")
    return content[:at] + text.ljust(64, b"\0") + struct.pack("<H", len(text) + 2) + content[at + 66 :]


ENCRYPTED_ODS = build_zip(
    {
        "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
        "META-INF/manifest.xml": "<m:manifest><m:file-entry><m:encryption-data/></m:file-entry></m:manifest>",
        "content.xml": "\x8f\x1c",
    }
)
XML_2003 = b'<?xml version="1.0"?>\n<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"></Workbook>'
FLAT_DOCUMENT = b'<?xml version="1.0"?><o:document xmlns:o="urn:oasis:names:tc:opendocument:xmlns:office:1.0"/>'

REFUSED = [
    ("empty", b"  \r\n"),
    ("empty", b"\xff\xfe"),
    ("empty", b"\xef\xbb\xbf\n"),
    ("empty", build_xlsx([])),
    ("empty", build_xls([])),
    ("empty", build_ods([])),
    ("file_too_large", b"a" * (limits.MAX_BYTES + 1)),
    ("html", b"\xef\xbb\xbf<html><table><tr><td>UAI</td></tr></table></html>"),
    ("html", b"\n\n<TABLE><tr><td>UAI</td></tr></TABLE>"),
    ("html", "<html><table></table></html>".encode("utf-16")),
    ("html", b'<?xml version="1.0"?><!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml"></html>'),
    ("html", b"MIME-Version: 1.0\r\nX-Document-Type: Workbook\r\n"),
    ("not_supported", XML_2003),
    ("not_supported", XML_2003.decode().encode("utf-16")),
    ("not_a_spreadsheet", FLAT_DOCUMENT),
    ("damaged", build_zip({"[Content_Types].xml": "<a/>", "xl/workbook.bin": "x"})),
    ("not_supported", build_zip({"Index/Document.iwa": "x", "preview.jpg": "x"})),
    ("not_supported", b"\x09\x00\x04\x00\x02\x00\x10\x00" + b"\0" * 600),
    ("not_text", b"UAI;n\n0301234D;\x001\n"),
    ("not_text", b"UAI;n\n" * 1000 + b"\0"),
    ("encoding", b"UAI;n\x81\n\xff\xfe\x90;1\n"),
    ("encoding", "UAI;n\n".encode("utf-16") + b"\x00"),
    ("encrypted", container_with("EncryptedPackage")),
    ("encrypted", ENCRYPTED_ODS),
    ("encrypted", build_zip({"mimetype": "x", "encrypted-package": "x"})),
    ("encrypted", with_password(build_xls(ROWS))),
    ("not_a_spreadsheet", b"%PDF-1.7\n..."),
    ("not_a_spreadsheet", b"{\\rtf1\\ansi UAI}"),
    ("not_a_spreadsheet", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
    ("not_a_spreadsheet", b'<?xml version="1.0"?><ecoles><uai>0301234D</uai></ecoles>'),
    ("not_a_spreadsheet", build_zip({"[Content_Types].xml": "<a/>", "word/document.xml": "<a/>"})),
    ("not_a_spreadsheet", build_zip({"content.xml": "<a/>", "mimetype": "application/vnd.oasis.opendocument.text"})),
    ("not_a_spreadsheet", build_zip({"lisez-moi.md": "x"})),
    ("not_a_spreadsheet", container_with("WordDocument")),
    ("archive", build_zip({"ecoles.xlsx": build_xlsx(ROWS)})),
    ("archive", b"7z\xbc\xaf\x27\x1c\0\x04"),
    ("damaged", build_zip({"xl/workbook.xml": "<nothing"})),
    ("damaged", b'UAI;Nom\n0301234D;"Zola\n0301235E;Hugo\n'),
    ("damaged", b'UAI;Nom\n0301234D;"' + b"Zola\n" * 40_000),
    ("too_many_columns", b";" * 20_000),
    ("too_many_sheets", build_xlsx(ROWS, more={f"F{n}": [["x"]] for n in range(limits.MAX_SHEETS)})),
    ("too_many_sheets", build_xls(ROWS, more={f"F{n}": [["x"]] for n in range(limits.MAX_SHEETS)})),
    ("too_many_sheets", build_ods(ROWS, more={f"F{n}": [["x"]] for n in range(limits.MAX_SHEETS)})),
    ("damaged", container_with("Autre")),
    ("damaged",
    build_zip(read_members(build_ods(ROWS)) | {"content.xml": '<?xml version="1.0" encoding="inconnu"?><a/>'})),
]  # fmt: skip


@pytest.mark.parametrize(("code", "content"), REFUSED, ids=[f"{code}-{n}" for n, (code, _) in enumerate(REFUSED)])
def test_unreadable_files_are_refused_with_a_message(code, content):
    assert get_refusal(content).code == code


@pytest.mark.parametrize("make", [build_xlsx, build_xls, build_ods])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.99])
def test_a_workbook_that_was_cut_off_is_refused(make, part):
    content = make([*ROWS, *[[uai, "Zola" * n, n] for n, uai in enumerate(UNUSED_UAIS * 20)]])
    assert get_refusal(content[: int(len(content) * part)]).code == "damaged"


def test_a_text_of_too_many_rows_is_refused(monkeypatch):
    monkeypatch.setattr(limits, "MAX_ROWS", 50)
    found = get_refusal(b"UAI\n" * 200)
    assert found.code == "too_many_rows"
    assert "200 lignes" in found.sentence


CELL = '<c r="%s"><v>1</v></c>'
FAR = f'<row r="1">{CELL % "A1"}</row><row r="1048576">{CELL % "XFD1048576"}</row>'
FILLED = '<table:table-cell office:value-type="float" office:value="1"%s/>'
END_OF_ODS = "</table:table>"


def far_ods(rows):
    return replace_member_text(build_ods(ROWS), "content.xml", END_OF_ODS, rows + END_OF_ODS)


def build_shared_strings_xlsx(texts, cells):
    """Return a workbook of one sheet with these cells and shared strings."""
    members = read_members(sheet(cells))
    members["xl/sharedStrings.xml"] = f'<sst xmlns="{SPREADSHEET}">{texts}</sst>'
    return build_zip(members)


def repeat_sheet(content, sheets):
    """Return a workbook that lists its one sheet `sheets` times."""
    names = "".join(f'<sheet name="F{n}" sheetId="{n}" r:id="rId1"/>' for n in range(2, sheets))
    head = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
    found = read_members(content)
    found["xl/workbook.xml"] = found["xl/workbook.xml"].replace(b"</sheets>", f"{names}</sheets>".encode())
    found["xl/workbook.xml"] = found["xl/workbook.xml"].replace(b"<workbook ", f"<workbook {head} ".encode())
    return build_zip(found)


def widen_dimensions(kind, data):
    return struct.pack("<IIHHH", 0, 0xFFFFFFFF, 0, 0xFFFF, 0) if kind == 0x0200 else data


def far_xls(kind, data):
    """Move the last row's cells to the far corner."""
    return struct.pack("<HH", 0xFFFF, 0xFF) + data[4:] if kind == 0x00FD and data[:2] == b"\x02\0" else data


def many_texts(kind, data):
    return data[:4] + struct.pack("<i", 0x7FFFFFFF) + data[8:] if kind == 0x00FC else data


def patch_header(offset, number):
    """Return an .xls with one number of its container's header changed."""
    content = bytearray(build_container(read_stream(build_xls(ROWS))))
    struct.pack_into("<I", content, offset, number)
    return bytes(content)


def build_cyclic_container(*, mini):
    """Return an .xls whose chain of sectors, large or small, never ends."""
    content = bytearray(build_xls(ROWS))
    table = struct.unpack_from("<I", content, 76)[0]
    start = struct.unpack_from("<I", content, 48)[0]
    at = 512 * (1 + table)
    struct.pack_into("<I", content, at + 4 * start, start)
    if mini:
        struct.pack_into("<I", content, 56, 0xFFFFFFFF)
    return bytes(content)


LONG = "<si><t>" + "x" * 30_000 + "</t></si>"
#: Files that would take gigabytes if their declared sizes were trusted; None for one that is read all the same.
BOMBS = {
    "corners": ("too_much_memory", lambda: sheet(FAR)),
    "corners in one row": ("too_much_memory", lambda: sheet(f'<row r="1">{CELL % "A1"}{CELL % "XFD1048576"}</row>')),
    "small letters": ("too_much_memory", lambda: sheet(FAR.replace("XFD", "xfd"))),
    "single quotes": ("too_much_memory", lambda: sheet(FAR.replace('"', "'"))),
    "spaces": ("too_much_memory", lambda: sheet(FAR.replace(" r=", "\n\tr = "))),
    "other attributes": ("too_much_memory", lambda: sheet(FAR.replace("<c ", '<c s="0" x="&gt;" '))),
    "two places": ("too_much_memory", lambda: sheet(FAR.replace('r="XFD1048576"', 'r="A2" r="XFD1048576"'))),
    "prefixes": ("too_much_memory", lambda: replace_sheet_xml(build_xlsx(ROWS), (
        f'<x:worksheet xmlns:x="{SPREADSHEET}"><x:sheetData>'
        + FAR.replace("</", "<//").replace("<", "<x:").replace("<x://", "</x:")
        + "</x:sheetData></x:worksheet>"))),
    "beyond the last column": ("too_much_memory", lambda: sheet(FAR.replace("XFD", "ZZZZZ"))),
    "another sheet's name": ("too_much_memory", lambda: build_zip({
        name.replace("worksheets/sheet1", "theme/theme9"): text.replace(b"worksheets/sheet1", b"theme/theme9")
        for name, text in read_members(sheet(FAR)).items()})),
    "one text in every cell": ("too_much_memory", lambda: build_shared_strings_xlsx(LONG, '<row r="1">' + "".join(
        f'<c r="A{n}" t="s"><v>0</v></c>' for n in range(1, 60_000)) + "</row>")),
    "one text, written strangely": ("too_much_memory", lambda: build_shared_strings_xlsx(LONG, '<row r="1">' + "".join(
        f"<c r='A{n}' t='s'><v> 0</v></c>" for n in range(1, 60_000)) + "</row>")),
    "promised texts": ("too_much_memory",
    lambda: replace_member_text(
        use_shared_strings(build_xlsx(ROWS)), "xl/sharedStrings.xml", 'uniqueCount="',
        'count="4294967295" uniqueCount="429496729')),
    "texts promised below": (None, lambda: replace_member_text(
        use_shared_strings(build_xlsx(ROWS)), "xl/sharedStrings.xml", "</sst>",
        '<sst uniqueCount="4294967295"/></sst>')),
    "texts promised late": (None, lambda: replace_member_text(
        use_shared_strings(build_xlsx([[f"{n}-{n}-{n}"] for n in range(30_000)])), "xl/sharedStrings.xml", "</sst>",
        '<x:sst uniqueCount="4294967295"/></sst>')),
    "promised cells": (None, lambda: replace_member_text(
        build_xlsx(ROWS), "xl/worksheets/sheet1.xml", "A1:C3", "A1:XFD1048576")),
    "promised styles": (None, lambda: replace_member_text(
        build_xlsx(ROWS), "xl/styles.xml", '<cellXfs count="1"', '<cellXfs count="4294967295"')),
    "one sheet of many names": ("damaged", lambda: repeat_sheet(sheet(CELL % "A1"), 40)),
    "a mark without end": ("empty", lambda: sheet('<row r="1"><c r="A1" x="' + " " * 5_000_000 + '"/></row>')),
    "a document's own entities": ("damaged", lambda: replace_member_text(
        build_xlsx(ROWS), "xl/workbook.xml", "<workbook", '<!DOCTYPE w [<!ENTITY a "aaaaaaaaaa">]><workbook')),
    "ods: columns": ("too_many_cells", lambda: far_ods(
        "<table:table-row>" + FILLED % ' table:number-columns-repeated="900000000"' + "</table:table-row>")),
    "ods: blank columns": ("too_many_cells", lambda: far_ods(
        '<table:table-row><table:table-cell table:number-columns-repeated="900000000"/>' + FILLED % ""
        + "</table:table-row>")),
    "ods: rows": ("too_many_cells", lambda: far_ods(
        '<table:table-row table:number-rows-repeated="900000000">' + FILLED % "" + "</table:table-row>")),
    "ods: blank rows": ("too_many_cells", lambda: far_ods(
        '<table:table-row table:number-rows-repeated="900000000"><table:table-cell/></table:table-row>'
        "<table:table-row>" + FILLED % "" + "</table:table-row>")),
    "ods: one text in every row": ("too_much_memory", lambda: far_ods(
        '<table:table-row table:number-rows-repeated="900000"><table:table-cell office:value-type="string"><text:p>'
        + "x" * 100_000 + "</text:p></table:table-cell></table:table-row>")),
    "ods: spaces": ("too_much_memory", lambda: far_ods(
        '<table:table-row><table:table-cell office:value-type="string"><text:p><text:s text:c="900000000"/></text:p>'
        "</table:table-cell></table:table-row>")),
    "ods: no such number": ("damaged", lambda: far_ods(
        '<table:table-row table:number-rows-repeated="99999999999999999999"/>')),
    "ods: entities": ("damaged", lambda: replace_member_text(
        build_ods(ROWS), "content.xml", "<office:document-c", '<!DOCTYPE o [<!ENTITY a "a">]><office:document-c')),
    "xls: dimensions": (None, lambda: with_records(build_xls(ROWS), widen_dimensions)),
    "xls: corners": ("too_many_cells", lambda: with_records(build_xls(ROWS), far_xls)),
    "xls: texts": ("damaged", lambda: with_records(build_xls(ROWS), many_texts)),
    "xls: directory's size": (None, lambda: patch_header(40, 0xFFFFFFFF)),
    "xls: table's size": (None, lambda: patch_header(44, 0xFFFFFFFF)),
    "xls: small table's size": (None, lambda: patch_header(64, 0xFFFFFFFF)),
    "xls: more tables": (None, lambda: patch_header(68, 0)),
    "xls: a chain in a circle": ("damaged", lambda: build_cyclic_container(mini=False)),
    "xls: a small chain in a circle": ("damaged", lambda: build_cyclic_container(mini=True)),
}  # fmt: skip


def parse_in_child(content):
    """Return the code of the refusal, None where the file is read."""
    try:
        parse_foreign_file(content, ParsingOptions(units_for_all=1))
    except UnreadableFile as refusal:
        return refusal.code
    return None


@pytest.mark.parametrize("name", BOMBS)
def test_a_decompression_bomb_ends_with_its_own_process(name):
    """Whatever it takes of the child's 512 MB and 25 s: nothing of this process, and the next file is read."""
    code, make = BOMBS[name]
    content, before = make(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert parse_in_child(content) == code
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000
    assert parse_in_child(build_xlsx(ROWS)) is None


#: Files over the limit on cells, which the test lowers.
OVERSIZED_FILES = {
    "sheets that are much together": lambda: build_xlsx([["x"] * 90] * 90, more={"B": [["x"] * 90] * 90}),
    "old sheets that are much together": lambda: build_xls([["x"] * 90] * 90, more={"B": [["x"] * 90] * 90}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OVERSIZED_FILES)
def test_cells_beyond_the_limit_are_refused(name, monkeypatch):
    monkeypatch.setattr(limits, "MAX_CELLS", 10_000)
    assert get_refusal(OVERSIZED_FILES[name]()).code == "too_many_cells"


@pytest.mark.parametrize("prefix", ["", "x:"])
@pytest.mark.parametrize("cell", ['<c r="A%d"><f>1+1</f></c>', '<c r="A%d" t="e"><v>#N/A</v></c>'])
def test_formulas_without_result_and_errors_are_counted(cell, prefix, monkeypatch):
    monkeypatch.setattr(limits, "MAX_UNRESOLVED_FORMULAS", 50)
    rows = "".join(f'<row r="{n}">{cell % n}</row>' for n in range(1, 60))
    xml = f'<worksheet xmlns="{SPREADSHEET}"><sheetData>{rows}</sheetData></worksheet>'
    if prefix:
        xml = xml.replace("</", "<//").replace("<", "<x:").replace("<x://", "</x:").replace("xmlns=", "xmlns:x=")
    assert get_refusal(replace_sheet_xml(build_xlsx(ROWS), xml)).code == "too_many_formulas"


def test_a_zip_bomb_is_refused_by_its_declared_sizes(monkeypatch):
    monkeypatch.setattr(limits, "MAX_UNPACKED", 1_000_000)
    bomb = build_zip({"xl/workbook.xml": "<a/>", "xl/worksheets/sheet1.xml": b"0" * 2_000_000})
    assert len(bomb) < 10_000
    assert get_refusal(bomb).code == "zip_bomb"


@pytest.mark.slow
def test_a_zip_bomb_with_false_sizes_is_refused_before_it_is_unpacked():
    bomb = bytearray(
        build_zip({**read_members(build_xlsx(ROWS)), "xl/worksheets/sheet1.xml": b"<a>" + b"0" * 50_000_000})
    )
    at = bomb.rfind(b"PK\x01\x02", 0, bomb.rfind(b"xl/worksheets/sheet1.xml"))
    bomb[at + 24 : at + 28] = struct.pack("<I", 1_000)
    assert get_refusal(bytes(bomb)).code == "damaged"


def test_of_two_archives_put_together_one_is_read_or_none():
    """Programs differ on which one they read."""
    harmless = build_xlsx([["UAI"], [UNUSED_UAIS[0]]])
    for content in (sheet(FAR) + harmless, harmless + sheet(FAR)):
        assert parse_in_child(content) in (None, "too_much_memory", "damaged")


@pytest.mark.parametrize("size", [1, 3, 64])
def test_formulas_are_found_across_two_chunks(size, monkeypatch):
    monkeypatch.setattr("imports.formats.workbook_parts.CHUNK_SIZE", size)
    rows = "".join(f'<row r="{n}"><c r="A{n}"><f>1+{n}</f><v>{n + 1}</v></c></row>' for n in range(1, 60))
    rows += '<row r="60"><c r="A60"><f>1+60</f></c></row>'
    found = open_workbook(sheet(rows)).sheets[0]
    assert (found.height, found.uncomputed) == (60, {(60, 0)})


def test_xls_strings_continued_in_other_records_are_read():
    texts = ["é" * 300 + "œ" * 200 + str(n) for n in range(100)]
    assert [row[0] for row in open_workbook(build_xls([["UAI"], *[[text] for text in texts]])).sheets[0].rows()][
        1:
    ] == texts
