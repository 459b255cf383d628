"""Damaged files are parsed or refused with a message; none is our mistake, or leaves data behind.

Some 3,100 a run: altered bytes, parts of archives and containers, and well-formed files with random content.
"""

import datetime

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from procrastinate.contrib.django.models import ProcrastinateJob

from imports.enums import ImportState
from imports.formats.exceptions import UnreadableFile
from imports.models import ImportRow, SpreadsheetImport
from imports.parsing.spreadsheet import ParsingOptions, parse_spreadsheet
from licensing.pools.models import Allocation
from mailing.models import Message
from tests.imports.actions import upload_and_parse
from tests.imports.child_parsing import parse_or_reject
from tests.imports.sample_files import (
    UNUSED_UAIS,
    build_csv,
    build_ods,
    build_xls,
    build_xlsx,
    build_zip,
    read_members,
    replace_sheet_xml,
    save_workbook,
    use_shared_strings,
)
from tests.imports.xls_records import join_records, records

pytestmark = pytest.mark.slow

ROWS = [
    ["UAI", "École", "Licences", "E-mail", "Date"],
    *[[uai, "Zola", 3.5, "a@b.fr", datetime.date(2026, 9, 1)] for uai in UNUSED_UAIS],
    ["Total", None, "=SUM(C2:C6)", True],
]
MORE = {"Élèves": [["RNE", "Nombre"], [UNUSED_UAIS[0], 12]]}
WORKBOOKS = {
    "xlsx": build_xlsx(ROWS, more=MORE, merged=["A9:B9"]),
    "excel's": use_shared_strings(build_xlsx(ROWS, more=MORE, hidden=["C"])),
    "xls": build_xls(ROWS, more=MORE, merged=[(8, 8, 0, 1)]),
    "ods": build_ods(ROWS, more=MORE, merged=[(6, 6, 0, 1)], formulas={(6, 2): "of:=SUM([.C2:.C6])"}),
}
TEXTS = {
    "utf-8": build_csv(ROWS), "utf-8-sig": build_csv(ROWS, encoding="utf-8-sig"), "utf-16": build_csv(ROWS,
    encoding="utf-16"),
    "utf-16-be": build_csv(ROWS, encoding="utf-16-be"), "cp1252": build_csv(ROWS, separator="\t", encoding="cp1252"),
    "mac_roman": build_csv(ROWS, separator="|", encoding="mac_roman").replace(b"\r\n", b"\r"),
}  # fmt: skip
NAMESPACE = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
SHEET = b'<worksheet xmlns="' + NAMESPACE + b'"><sheetData>%s</sheetData></worksheet>'


#: Files parsed by one child process.
BATCH = 25


def hypothesis_settings(files):
    return settings(max_examples=max(1, files // BATCH), suppress_health_check=list(HealthCheck))


def batches(strategy):
    return st.lists(strategy, min_size=BATCH, max_size=BATCH)


@st.composite
def damage(draw, content):
    """Return the bytes with some changed, removed, duplicated or truncated."""
    changed = bytearray(content)
    for at, byte in draw(st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=8)):
        changed[at] = byte
    start, length = draw(st.integers(0, len(content))), draw(st.integers(0, 64))
    what = draw(st.sampled_from(["keep", "take out", "double", "cut off"]))
    if what == "take out":
        del changed[start : start + length]
    elif what == "double":
        changed[start:start] = changed[start : start + length] * draw(st.integers(1, 20))
    elif what == "cut off":
        del changed[start:]
    return bytes(changed)


@pytest.mark.parametrize("kind", WORKBOOKS)
@hypothesis_settings(200)
@given(data=st.data())
def test_bytes_of_a_workbook(kind, data):
    parse_or_reject(data.draw(batches(damage(WORKBOOKS[kind]))))


@pytest.mark.small
@pytest.mark.parametrize("encoding", TEXTS)
@hypothesis_settings(80)
@given(data=st.data())
def test_bytes_of_a_text(encoding, data):
    parse_or_reject(data.draw(batches(damage(TEXTS[encoding]))))


@st.composite
def changed_archives(draw, content):
    """Return an archive of which one member is damaged, missing, or another's."""
    members = read_members(content)
    name, other = draw(st.sampled_from(sorted(members))), draw(st.sampled_from(sorted(members)))
    what = draw(st.sampled_from(["damage", "damage", "damage", "swap", "remove", "copy"]))
    if what == "damage":
        members[name] = draw(damage(members[name] or b"x"))
    elif what == "swap":
        members[name], members[other] = members[other], members[name]
    elif what == "remove":
        del members[name]
    else:
        members[other] = members[name]
    return build_zip(members)


@pytest.mark.parametrize("kind", ["xlsx", "excel's", "ods"])
@hypothesis_settings(250)
@given(data=st.data())
def test_what_an_archive_holds(kind, data):
    parse_or_reject(data.draw(batches(changed_archives(WORKBOOKS[kind]))))


@st.composite
def changed_records(draw):
    """Return an .xls of which some records are damaged, missing, or of another kind."""
    found = [*records(WORKBOOKS["xls"])]
    # The record types that are parsed; a workbook has hundreds of others.
    numbers = [n for n, (kind, _) in enumerate(found) if kind in READ]
    for number in draw(st.lists(st.sampled_from(numbers), min_size=1, max_size=4)):
        kind, body = found[number]
        what = draw(st.sampled_from(["damage", "damage", "kind", "remove"]))
        if what == "damage" and body:
            found[number] = (kind, draw(damage(body))[:8224])
        elif what == "kind":
            found[number] = (draw(st.sampled_from(READ)), body)
        else:
            found[number] = (0xFFFF, b"")
    return join_records(found)


@hypothesis_settings(300)
@given(batches(changed_records()))
def test_records_of_an_old_workbook(contents):
    parse_or_reject(contents)


READ = [
    0x0006, 0x000A, 0x0022, 0x002F, 0x003C, 0x0042, 0x0085, 0x00BD, 0x00D6, 0x00E0, 0x00E5, 0x00FC, 0x00FD, 0x0203,
    0x0204, 0x0205, 0x0207, 0x027E, 0x041E, 0x0809,
]  # fmt: skip


@st.composite
def nonsense_sheets(draw):
    cell = st.sampled_from(
        [
            b'<c r="A1"><v>1</v></c>', b'<c r="A1" t="s"><v>99</v></c>', b'<c r="ZZZ9"><v>x</v></c>', b'<c r="">',
            b'<c r="B2" t="e"><v>#N/A</v></c>', b'<c r="A0"><v>1</v></c>', b'<c t="d"><v>2026-99-99</v></c>', b"<c/>",
            b'<c r="C3" t="b"><v>7</v></c>', b'<c r="D4" s="4000"><v>44000</v></c>', b"<f>1/0</f>", b"&bad;",
            b"</row>", b"<row r='-1'>", b'<c r="E5"><f>1</f></c>', b'<c r="a7" s="1"><v>1e300</v></c>',
            b"<c r='F6'><is><t>x</t></is></c>", b"<x:c><x:v>1</x:v></x:c>", b"<![CDATA[<c>]]>", b'<row r="99999999">',
            b'</sheetData><mergeCells><mergeCell ref="A1:ZZ9"/><mergeCell ref="9"/></mergeCells><sheetData>', b"<!--",
        ]
    )  # fmt: skip
    rows = b"<row>" + b"".join(draw(st.lists(cell, max_size=12))) + b"</row>"
    return replace_sheet_xml(WORKBOOKS["xlsx"], SHEET % rows)


@hypothesis_settings(300)
@given(batches(nonsense_sheets()))
def test_a_sheet_of_nonsense(contents):
    parse_or_reject(contents)


@st.composite
def nonsense_documents(draw):
    piece = st.sampled_from(
        [
            "<table:table-row>", "</table:table-row>", '<table:table-row table:number-rows-repeated="3">',
            '<table:table-row table:number-rows-repeated="-1">', "<table:table-cell/>", "<table:covered-table-cell/>",
            '<table:table-cell table:number-columns-repeated="16384"/>', "</table:table-cell>", "<text:p>UAI</text:p>",
            '<table:table-cell office:value-type="string">', '<table:table-cell office:value-type="float">',
            '<table:table-cell office:value-type="float" office:value="x"/>', '<text:s text:c="7"/>', "&bad;",
            '<table:table-cell office:value-type="date" office:date-value="2026-99-99"/>', "<office:annotation>",
            '<table:table-cell office:value-type="boolean" office:boolean-value="peut-être"/>', "</table:table>",
            '<table:table-cell office:value-type="time" office:time-value="PT99999999999H"/>', "<table:table>",
            '<table:table table:name="B">', '<table:table-cell table:formula="of:=1" table:number-rows-spanned="0"/>',
            "<table:named-expressions><x/></table:named-expressions>", "</office:annotation>",
        ]
    )  # fmt: skip
    members = read_members(WORKBOOKS["ods"])
    inside = "".join(draw(st.lists(piece, max_size=14))).encode()
    place = draw(st.sampled_from([b"</table:table>", b"<table:table-row>", b"</table:table-row>", b"<text:p>"]))
    members["content.xml"] = members["content.xml"].replace(place, inside + place, 1)
    return build_zip(members)


@hypothesis_settings(300)
@given(batches(nonsense_documents()))
def test_an_open_document_of_nonsense(contents):
    parse_or_reject(contents)


TABLES = st.lists(
    st.lists(st.text(max_size=12) | st.sampled_from([*UNUSED_UAIS, "Total", "UAI", "30"]), max_size=5), max_size=12
)
VALUES = st.lists(
    st.lists(
        st.none() | st.integers(-(10**12), 10**12) | st.floats(allow_nan=False, allow_infinity=False)
        | st.booleans() | st.dates(datetime.date(1900, 3, 1))
        | st.sampled_from([*UNUSED_UAIS, "Total", "RNE", "Licences"]),
        max_size=5,
    ),
    max_size=8,
)  # fmt: skip


@hypothesis_settings(150)
@given(batches(TABLES))
def test_any_text(tables):
    texts = ["\n".join(";".join(row) for row in rows) for rows in tables]
    parse_or_reject([text.encode("utf-8", "surrogatepass") for text in texts])


@pytest.mark.small
@pytest.mark.parametrize("make", [build_xlsx, build_xls, build_ods])
@hypothesis_settings(50)
@given(batches(VALUES))
def test_any_cells(make, tables):
    parse_or_reject([make(rows) for rows in tables])


@pytest.mark.small
def test_a_workbook_that_is_only_pictures_and_names_is_refused():
    book = openpyxl.Workbook()
    book.create_chartsheet("Graphique")
    book.remove(book.worksheets[0])
    with pytest.raises(UnreadableFile) as refusal:
        parse_spreadsheet(save_workbook(book), ParsingOptions(units_for_all=1))
    assert refusal.value.code == "empty"


def test_damaged_files_are_read_or_refused_and_leave_nothing_behind(pool):
    files = [content[: len(content) * part // 5] for content in WORKBOOKS.values() for part in (1, 3)]
    files += [content.replace(b"UAI", b"\0\0\0")[:-3] for content in TEXTS.values()]
    files += [build_zip({**read_members(WORKBOOKS[kind]), name: b"<nothing"}) for kind, name in MEMBERS]
    files += [bytes(reversed(content)) for content in WORKBOOKS.values()]
    files += [b"\xff" * 600, b"UAI;Licences\n" + b'"' * 601, "UAI\n\udcff".encode("utf-8", "surrogatepass")]
    found = [upload_and_parse(pool, content, units_for_all=1, filename=f"{n}.xlsx") for n, content in enumerate(files)]
    rejected = [one for one in found if one.state == ImportState.REJECTED]
    assert len(rejected) >= 20
    assert all(one.refusal.endswith(".") for one in rejected)
    assert {one.state for one in found} <= {
        ImportState.REJECTED,
        ImportState.READ,
        ImportState.CHECKED,
    }
    assert not ImportRow.objects.filter(import_id__in=[one.pk for one in rejected]).exists()
    assert not Allocation.objects.exists()
    assert not Message.objects.exists()
    assert SpreadsheetImport.objects.count() == len(files)
    # One parsing job each, and nothing else queued.
    jobs = ProcrastinateJob.objects.filter(task_name="imports.read")
    assert (jobs.count(), ProcrastinateJob.objects.exclude(status="todo").count()) == (len(files), 0)
    pool.refresh_from_db()
    assert pool.allocated == 0


MEMBERS = [
    ("xlsx", "xl/workbook.xml"), ("xlsx", "xl/_rels/workbook.xml.rels"), ("xlsx", "xl/worksheets/sheet1.xml"),
    ("xlsx", "xl/worksheets/sheet2.xml"), ("excel's", "xl/sharedStrings.xml"), ("xlsx", "xl/styles.xml"),
    ("ods", "content.xml"), ("ods", "mimetype"),
]  # fmt: skip
