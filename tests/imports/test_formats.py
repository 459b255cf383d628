"""Supported formats, encodings and separators, and the numbering of rows and cells."""

import datetime
import io
import struct
import zipfile

import openpyxl
import pytest
import xlwt

from imports.formats.delimited_text import detect_separator
from imports.formats.detection import open_workbook
from imports.formats.encodings import MOJIBAKE_REPAIRED
from imports.formats.sheet_types import MergedRange
from tests.imports.sample_files import (
    UNUSED_UAIS,
    build_csv,
    build_ods,
    build_xls,
    build_xlsx,
    build_zip,
    replace_sheet_xml,
    save_workbook,
    use_shared_strings,
)
from tests.imports.xls_records import join_records, records

ROWS = [
    ["UAI", "École", "Licences"],
    [UNUSED_UAIS[0], "Élémentaire Jean Jaurès", "3"],
    [UNUSED_UAIS[1], "Zola œuvre", "2"],
]


@pytest.mark.parametrize("separator", [";", ",", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_text_is_read_whatever_its_encoding_and_separator(separator, encoding):
    book = open_workbook(build_csv(ROWS, separator=separator, encoding=encoding))
    assert list(book.sheets[0].rows()) == ROWS


def test_a_quoted_line_break_and_a_quoted_separator_make_no_row_and_no_column():
    book = open_workbook(b'UAI;Adresse\r\n0301234D;"1, rue ; de la Gare\n30000 N\xc3\xaemes"\r\n0301235E;2\r\n')
    rows = list(book.sheets[0].rows())
    assert [len(row) for row in rows] == [2, 2, 2]
    assert "Gare\n30000 Nîmes" in rows[1][1]


def test_excel_s_sep_line_sets_the_separator_and_keeps_row_numbers():
    rows = list(open_workbook(b"sep=|\r\nUAI|a;b;c\r\n0301234D|1;2;3\r\n").sheets[0].rows())
    assert rows[1] == ["UAI", "a;b;c"]


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("UAI;poids;n\n0301234D;1,5;2\n0301235E;2,25;3\n", ";"),
        ("UAI;x;y;n\n0301234D;43,83;4,36;2,0\n0301235E;43,9;4,1;3,0\n", ";"),
        ("x;y\n1,5;2,5,5\n1,25;3,5,5\n", ";"),
        ("UAI\tx\n0301234D\t1,2,3\n", "\t"),
        ("n,x\n1,2\n3,4\n", ","),
        ("a;b\n1,5;2\n", ";"),
    ],
)
def test_decimal_commas_are_no_separator(text, separator):
    assert detect_separator(text) == separator


@pytest.mark.parametrize("encoding", ["mac_roman", "cp850"])
def test_mac_and_dos_encodings_are_detected_by_letters_within_words(encoding):
    text = "UAI;École;Téléphone\r0301234D;Collège de la Forêt;Nîmes\r"
    assert list(open_workbook(text.encode(encoding)).sheets[0].rows()) == [
        ["UAI", "École", "Téléphone"], ["0301234D", "Collège de la Forêt", "Nîmes"],
    ]  # fmt: skip


def test_windows_1252_punctuation_within_words_is_kept():
    text = "UAI;Nom\r\n0301234D;L’école “Zola” – annexe…\r\n"
    assert list(open_workbook(text.encode("cp1252")).sheets[0].rows())[1][1] == "L’école “Zola” – annexe…"


@pytest.mark.parametrize("times", [1, 2])
def test_mojibake_is_repaired_and_reported(times):
    text = right = "UAI;École\n0301234D;Collège « à l’Œuvre » n° 3, Nîmes – 10 €\n"
    for _ in range(times):
        text = "".join(bytes((byte,)).decode("cp1252", "ignore") or chr(byte) for byte in text.encode())
    assert "Ã" in text
    for encoding in ("utf-8", "utf-16"):
        book = open_workbook(text.encode(encoding))
        assert book.remarks == [MOJIBAKE_REPAIRED]
        assert "\n".join(";".join(row) for row in book.sheets[0].rows()) + "\n" == right


@pytest.mark.parametrize("make", [build_xlsx, build_xls, build_ods])
def test_mojibake_is_repaired_in_workbooks(make):
    wrong = [["UAI", "École"], [UNUSED_UAIS[0], "CollÃ¨ge Ã©lÃ©mentaire"], [UNUSED_UAIS[1], 3]]
    book = open_workbook(make(wrong, more={"Bon": [["Élève"]]}))
    assert book.remarks == [MOJIBAKE_REPAIRED]
    assert list(book.sheets[0].rows()) == [
        ["UAI", "École"],
        [UNUSED_UAIS[0], "Collège élémentaire"],
        [UNUSED_UAIS[1], 3],
    ]
    assert list(book.sheets[1].rows()) == [["Élève"]]


@pytest.mark.slow
def test_a_million_trailing_rows_of_separators_are_dropped():
    sheet = open_workbook(b"UAI;n\n0301234D;3\n" + b";\n" * 1_048_574).sheets[0]
    assert (sheet.height, len(list(sheet.rows()))) == (2, 2)


def test_an_indented_open_document_is_read():
    plain = list(open_workbook(build_ods(ROWS)).sheets[0].rows())
    indented = ods_xml(lambda xml: xml.replace("<table:", "\n  <table:").replace("</table:", "\n  </table:"))
    assert list(open_workbook(indented).sheets[0].rows()) == plain


def test_a_libreoffice_cache_of_another_file_is_no_sheet():
    book = open_workbook(
        build_ods([["UAI"]], more={"'file:///C:/2025.ods'#$Feuille1": [["UAI"], [UNUSED_UAIS[0]]], "B": [["x"]]})
    )
    assert [sheet.name for sheet in book.sheets] == ["Feuille1", "B"]


def test_a_file_of_two_encodings_is_read_in_both():
    content = "UAI;École\n".encode() + "0301234D;Nîmes\n".encode("cp1252")
    assert list(open_workbook(content).sheets[0].rows()) == [["UAI", "École"], ["0301234D", "Nîmes"]]


def test_a_text_that_was_cut_off_within_a_letter_is_read_to_there():
    assert list(open_workbook("UAI;École\n0301234D;Nîmé".encode()[:-1]).sheets[0].rows())[1] == ["0301234D", "Nîm"]


def test_right_text_is_left_alone():
    text = "UAI;École\n0301234D;Âge, Ångström, naïve, Ã\n"
    book = open_workbook(text.encode())
    assert (list(book.sheets[0].rows())[1][1], book.remarks) == ("Âge, Ångström, naïve, Ã", [])


def test_one_column_needs_no_separator():
    assert list(open_workbook(b"0301234D\n0301235E\n").sheets[0].rows()) == [["0301234D"], ["0301235E"]]


def test_a_workbook_keeps_its_row_numbers_and_its_left_margin():
    book = openpyxl.Workbook()
    book.active["C4"], book.active["C5"] = "RNE", UNUSED_UAIS[0]
    sheet = open_workbook(save_workbook(book)).sheets[0]
    assert sheet.height == 5
    rows = list(sheet.rows())
    assert len(rows) == 5
    assert rows[3] == ["", "", "RNE"]
    assert list(sheet.rows()) == rows  # a second iteration gives the same rows


MADE = {
    "xlsx": build_xlsx,
    "xls": build_xls,
    "ods": build_ods,
    "xlsx of Excel": lambda *given, **more: use_shared_strings(build_xlsx(*given, **more)),
}


@pytest.mark.parametrize("kind", MADE)
def test_workbooks_give_their_cells_in_the_places_where_a_spreadsheet_shows_them(kind):
    rows = [[], [None, "UAI", "École", "Licences", "Date", "Vrai"], [],
            [None, UNUSED_UAIS[0], "Élémentaire œuvre\nannexe", 3, datetime.date(2026, 9, 1), True, 1.5]]  # fmt: skip
    book = open_workbook(MADE[kind](rows, more={"Notes": [["Lisez-moi"]], "Vide": []}))
    assert (book.kind, book.remarks) == (kind.partition(" ")[0], [])
    assert [sheet.name for sheet in book.sheets][1:] == ["Notes", "Vide"]
    sheet = book.sheets[0]
    assert (sheet.height, sheet.uncomputed, sheet.hidden) == (4, frozenset(), False)
    read = list(sheet.rows())
    assert read == [
        [""] * 7,
        ["", "UAI", "École", "Licences", "Date", "Vrai", ""],
        [""] * 7,
        ["", UNUSED_UAIS[0], "Élémentaire œuvre\nannexe", 3, datetime.date(2026, 9, 1), True, 1.5],
    ]
    assert list(sheet.rows()) == read  # a second iteration gives the same rows
    assert list(book.sheets[2].rows()) == []


def test_fourteen_sheets_of_an_old_workbook_are_read_each_with_its_rows():
    sheets = {f"Secteur {n}": [["UAI", "Licences"], [UNUSED_UAIS[n % 5], n]] for n in range(2, 15)}
    book = open_workbook(
        build_xls([["UAI", "Licences"], [UNUSED_UAIS[1], 1]], sheet="Secteur 1", more=sheets, hidden=["Secteur 7"])
    )
    assert [(s.name, list(s.rows())[1][1]) for s in book.sheets] == [(f"Secteur {n}", n) for n in range(1, 15)]
    assert [s.name for s in book.sheets if s.hidden] == ["Secteur 7"]


def test_hidden_sheets_are_flagged():
    book = openpyxl.Workbook()
    book.active["A1"] = "UAI"
    for name, state in (("B", "hidden"), ("C", "veryHidden")):
        sheet = book.create_sheet(name)
        sheet["A1"], sheet.sheet_state = "x", state
    assert [sheet.hidden for sheet in open_workbook(save_workbook(book)).sheets] == [False, True, True]
    assert [s.hidden for s in open_workbook(build_ods([["UAI"]], more={"B": [["x"]]}, hidden=["B"])).sheets] == [
        False,
        True,
    ]


def test_merged_cells_are_given_by_their_corners():
    rows = [["Licences", None, None], ["a", "b", "c"], ["d", "e", "f"]]
    area = MergedRange(top=1, left=0, bottom=2, right=1)
    for content in (
        build_xlsx(rows, merged=["A1:B2"]), build_xls(rows, merged=[(0, 1, 0, 1)]), build_ods(rows, merged=[(0, 1, 0,
        1)]),
    ):  # fmt: skip
        assert open_workbook(content).sheets[0].merged == [area]
    assert not open_workbook(build_csv(rows)).sheets[0].merged


#: Attributes, formula and value of the cell C2, and whether its result is missing.
FORMULAS = [
    ("", "<f>A2*2</f><v></v>", True),
    ("", "<f>A2*2</f><v/>", True),
    ("", "<f>A2*2</f>", True),
    ("", '<f t="shared" si="0"/>', True),
    (' s="1" t="n"', '<f t="array" ref="C2">A2</f>\n', True),
    ("", "<f>A2*2</f><v>6</v>", False),
    (' s="1"', '<f ca="1">A2*2</f>\n<v xml:space="preserve">6</v>', False),
    ("", '<f>A2*2</f><v xml:space="preserve"/>', True),
    (' t="str"', "<f>A2</f><v>x</v>", False),
    (' t="str"', "<f>A2</f><v></v>", False),
    (' t="e"', "<f>1/0</f><v>#DIV/0!</v>", False),
    (' t="n"', "<v>6</v>", False),
]


@pytest.mark.parametrize("prefix", ["", "x:"])
@pytest.mark.parametrize(("attributes", "inside", "missing"), FORMULAS)
def test_a_formula_without_a_stored_result_is_flagged(attributes, inside, missing, prefix):
    rows = f'<row r="2"><c r="A2"><v>3</v></c><c r="C2"{attributes}>{inside}</c></row>'
    xml = f'<worksheet xmlns="{SPREADSHEET}"><sheetData>{rows}</sheetData></worksheet>'
    if prefix:
        xml = xml.replace("</", "<//").replace("<", "<x:").replace("<x://", "</x:").replace("xmlns=", "xmlns:x=")
    sheet = open_workbook(replace_sheet_xml(build_xlsx(ROWS), xml)).sheets[0]
    assert sheet.uncomputed == ({(2, 2)} if missing else set())
    assert list(sheet.rows())[1][0] == 3


def test_error_cells_differ_from_empty_cells():
    rows = '<row r="2"><c r="A2" s="1" t="e"><v>#N/A</v></c><c r="B2" t="e"><f>1/0</f><v>#DIV/0!</v></c></row>'
    xml = f'<worksheet xmlns="{SPREADSHEET}"><sheetData>{rows}</sheetData></worksheet>'
    for written in (xml, xml.replace("<c ", "<c  ")):
        sheet = open_workbook(replace_sheet_xml(build_xlsx(ROWS), written)).sheets[0]
        assert (sheet.errors, sheet.uncomputed, sheet.height) == ({(2, 0), (2, 1)}, frozenset(), 2)
    wrong = ROW_OF_ODS.replace("<table:table-cell ", '<table:table-cell calcext:value-type="error" ', 1)
    sheet = open_workbook(ods_xml(lambda content: content.replace("</table:table>", f"{wrong}</table:table>"))).sheets[
        0
    ]
    assert sheet.errors == {(4, 0), (4, 1)}


def test_rows_of_uncomputed_formulas_count_as_blank_rows():
    for content in (
        build_xlsx([["UAI", "n"], ["=A9", "=B9"]]), build_xls([["UAI", "n"], [xlwt.Formula("A9"), xlwt.Formula("B9")]]),
        build_ods([["UAI", "n"], [None, None]], formulas={(1, 0): "of:=[.A9]", (1, 1): "of:=[.B9]"}),
    ):  # fmt: skip
        sheet = open_workbook(content).sheets[0]
        assert sheet.uncomputed == {(2, 0), (2, 1)}
        assert sheet.height == len(list(sheet.rows())) == 2


#: What follows the cell and its format in the record of a formula, by what it gives.
XLS_RESULTS = {
    "number": struct.pack("<d", 30.0), "truth": b"\x01\0\x01\0\0\0\xff\xff", "error": b"\x02\0\x2a\0\0\0\xff\xff",
    "text": b"\0\0\0\0\0\0\xff\xff", "none": b"\x03\0\0\0\0\0\xff\xff",
}  # fmt: skip
XLS_FORMULA, XLS_STRING = 0x0006, 0x0207


def build_xls_results(*results):
    """Return an .xls of a title, and of a formula of each of these results below it."""
    left, changed = list(results), []
    for kind, data in records(build_xls([["UAI"], *[[xlwt.Formula("1+1")] for _ in results]])):
        if kind != XLS_FORMULA:
            changed.append((kind, data))
            continue
        result = left.pop(0)
        changed.append((kind, data[:6] + XLS_RESULTS[result] + data[14:]))
        if result == "text":
            changed.append((XLS_STRING, struct.pack("<HB", 4, 0) + b"deux"))
    return join_records(changed)


def test_formulas_of_an_old_workbook_are_read_by_the_values_they_had():
    sheet = open_workbook(build_xls_results("number", "none", "truth", "error", "text")).sheets[0]
    assert list(sheet.rows()) == [["UAI"], [30], [""], [True], [""], ["deux"]]
    # A blank result is intended where other formulas of the file have results.
    assert (sheet.uncomputed, sheet.errors) == (frozenset(), {(5, 0)})


@pytest.mark.parametrize("result", ["number", "truth", "error", "text"])
def test_one_result_tells_that_an_old_workbook_was_computed(result):
    assert open_workbook(build_xls_results("none", result, "none")).sheets[0].uncomputed == frozenset()
    assert open_workbook(build_xls_results("none", "none", "none")).sheets[0].uncomputed == {(2, 0), (3, 0), (4, 0)}


def test_libreoffice_s_million_trailing_blank_rows_are_dropped():
    filler = (
        '<table:table-row table:number-rows-repeated="1048573"><table:table-cell table:style-name="ce1" '
        'table:number-columns-repeated="16384"/></table:table-row>'
    )
    gap = '<table:table-row table:number-rows-repeated="2"><table:table-cell/></table:table-row>'
    content = ods_xml(lambda xml: xml.replace("</table:table>", f"{gap}{ROW_OF_ODS}{filler}</table:table>"))
    rows = list(open_workbook(content).sheets[0].rows())
    assert len(rows) == 6
    assert rows[3:] == [["", "", ""], ["", "", ""], ["fin", "fin", ""]]


ROW_OF_ODS = (
    '<table:table-row><table:table-cell office:value-type="string" table:number-columns-repeated="2">'
    "<text:p>fin</text:p></table:table-cell></table:table-row>"
)


def ods_xml(change):
    """Return an .ods whose content is changed."""
    with zipfile.ZipFile(io.BytesIO(build_ods(ROWS))) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["content.xml"] = change(members["content.xml"].decode())
    return build_zip(members)


SPREADSHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


@pytest.mark.parametrize("letters", ["B", "AB", "XFD"])
def test_cells_are_read_however_they_are_written(letters):
    plain = f'<row r="7"><c r="{letters}7" t="inlineStr"><is><t>UAI</t></is></c></row>'
    for rows in (
        plain, plain.replace('"', "'"), plain.replace(" r=", "\n\tr ="), plain.replace("<c ", '<c s="0" '),
        plain.replace(f"{letters}7", f"{letters.lower()}7"),
    ):  # fmt: skip
        xml = f'<worksheet xmlns="{SPREADSHEET}"><cols><col min="1"/></cols><sheetData>{rows}</sheetData></worksheet>'
        read = list(open_workbook(replace_sheet_xml(build_xlsx(ROWS), xml)).sheets[0].rows())
        assert len(read) == 7
        assert (read[6][-1], set(read[6][:-1])) == ("UAI", {""})


def test_cells_that_do_not_say_where_they_are_follow_each_other():
    rows = "<row/><row><c><v>1</v></c><c><v>2</v></c></row><row><c><v>3</v></c></row>"
    xml = f'<worksheet xmlns="{SPREADSHEET}"><sheetData>{rows}</sheetData></worksheet>'
    assert list(open_workbook(replace_sheet_xml(build_xlsx(ROWS), xml)).sheets[0].rows())[1:] == [[1, 2], [3, ""]]


def test_rows_that_are_only_formatted_down_to_the_last_one_do_not_count():
    rows = (
        '<row r="1"><c r="A1" t="inlineStr"><is><t>UAI</t></is></c><c r="ZZ1" s="1"/></row>'
        '<row r="1048576"><c r="ZZ1048576" s="1"/></row>'
    )
    xml = f'<worksheet xmlns="{SPREADSHEET}"><sheetData>{rows}</sheetData></worksheet>'
    assert open_workbook(replace_sheet_xml(build_xlsx(ROWS), xml)).sheets[0].height == 1
