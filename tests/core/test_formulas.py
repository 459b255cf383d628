"""Texts that are no formula in any file that we write, and names that are no address in any header."""

import ast
import csv
import io
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from openpyxl import Workbook, load_workbook

from core import contact_details, spreadsheets, worksheet_cells
from core.formulas import begins_formula, quote_formula
from licensing.books.accounting import exports

ROOT = Path(__file__).resolve().parent.parent.parent
FORMULAS = ["=1+1", "+33 4 66", "-1+2", "@SUM(A1)", " =1+1", "\t=1+1", "\r=1+1", "＝1+1", "＠x", '=HYPERLINK("x")']
PLAIN = ["", "-", "=", "Jules Ferry", "A=1", "1-2", "'=1+1", "–1", "CE1 - CE2"]


@pytest.mark.parametrize("text", FORMULAS)
def test_what_a_spreadsheet_would_run_is_found_and_quoted(text):
    assert begins_formula(text)
    assert quote_formula(text) == f"'{text}"


@pytest.mark.parametrize("text", PLAIN)
def test_what_runs_nothing_stays_as_it_is(text):
    assert not begins_formula(text)
    assert quote_formula(text) == text


@pytest.mark.parametrize("text", ["-12,50", "-12.50", "+3", "-7"])
def test_a_number_of_a_text_file_stays_a_number(text):
    assert quote_formula(text) == text


# --- Workbooks --------------------------------------------------------------------------------------------------------


def read_first_row(content):
    return next(load_workbook(io.BytesIO(content)).active.iter_rows(min_row=2))


@pytest.mark.parametrize("text", [text for text in FORMULAS if text.isprintable()])
def test_a_workbook_s_cell_is_a_text_and_stays_one_when_it_is_edited(text):
    """Without `quotePrefix` a spreadsheet program makes a formula of it as soon as somebody edits the cell."""
    (cell,) = read_first_row(
        spreadsheets.build_workbook(spreadsheets.WorksheetContent("Liste", ["Nom"], [10], [[text]]))
    )
    assert (cell.value, cell.data_type, cell.quotePrefix) == (text, "s", True)


@pytest.mark.parametrize("text", ["Jules Ferry", "#REF!"])
def test_a_workbook_s_other_texts_are_not_quoted(text):
    (cell,) = read_first_row(
        spreadsheets.build_workbook(spreadsheets.WorksheetContent("Liste", ["Nom"], [10], [[text]]))
    )
    assert (cell.value, cell.data_type, cell.quotePrefix) == (text, "s", False)


def test_a_text_that_is_set_in_a_foreign_workbook_is_quoted_too():
    cell = Workbook().active["A1"]
    worksheet_cells.set_text(cell, "=1+1")
    assert (cell.data_type, cell.quotePrefix) == ("s", True)


# --- Text files -------------------------------------------------------------------------------------------------------


def test_a_csv_file_quotes_texts_and_leaves_amounts():
    content = spreadsheets.build_csv(["Nom", "Total"], [["=1+1", "-12,50"], ["Ferry; « Jules »", "3"]])
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig")), delimiter=";"))
    assert rows == [["Nom", "Total"], ["'=1+1", "-12,50"], ["Ferry; « Jules »", "3"]]


@pytest.mark.parametrize("text", ["=1+1", "\t=1+1", "\u200b=1+1", "＝1+1"])
def test_a_label_of_the_accountant_s_file_is_no_formula(text):
    (cleaned,) = exports._format_line((text,)).decode(exports.ENCODING).splitlines()  # noqa: SLF001 - a field alone
    assert cleaned == "'=1+1"


@pytest.mark.slow
def test_nothing_else_writes_files_that_a_spreadsheet_opens():
    """A new writer goes through `core.spreadsheets` or `core.spreadsheets`, or has its reason here."""
    allowed = {
        "platform/core/spreadsheets.py",
        "sites/demo/directory.py",  # the demonstration's own schools, which a program reads
    }
    found = set()
    for area in ("platform", "schools", "collectivities", "licensing", "imports", "sites", "tenants"):
        for path in (ROOT / area).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Attribute) and node.attr in ("writer", "DictWriter", "writerow"):
                    found.add(str(path.relative_to(ROOT)))
    assert found == allowed


# --- Names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Préfet <prefet@gouv.fr>", "adresse"),
        ("prefet@gouv.fr", "adresse"),
        ("Préfet <prefet＠gouv>", "adresse"),
        ("Préfet <prefet>", "ni « < »"),
        ("Préfet ＜prefet＞", "ni « < »"),
        ("www.gouv.fr", "adresse"),
        ("Préfet\u202e", "invisible"),
        ("Ville\nBcc: x", "invisible"),
        ("=1+1", "tableur"),
        ("- Ville", "tableur"),
        ("＝1+1", "tableur"),
    ],
)
def test_a_name_is_no_address_and_no_formula(name, reason):
    for check in (contact_details.check_plain_name, contact_details.check_person_name):
        with pytest.raises(ValidationError, match=reason):
            check(name)


@pytest.mark.parametrize(
    "name", ["Ville de Nîmes – Éducation", "S.I.V.U. des Écoles", "M. Dupont", "Groupe « Les Oliviers »", "L’Haÿ"]
)
def test_a_name_that_people_have_is_taken(name):
    contact_details.check_plain_name(name)
    assert contact_details.clean_header_name(name) == name


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("Préfet <prefet@gouv.fr>", "Préfet prefet gouv.fr"),
        ("Préfet ＜prefet＠gouv.fr＞", "Préfet prefet gouv.fr"),
        ("Ville\r\nBcc: x", "Ville Bcc: x"),
        ("\u202eelliV", "elliV"),
        ("<>", ""),
    ],
)
def test_a_stored_name_is_no_address_in_a_header(stored, shown):
    assert contact_details.clean_header_name(stored) == shown
