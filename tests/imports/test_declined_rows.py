"""Rows that the file itself sets apart: unticked, each with its reason, and one remark with a button for all."""

import io
import json

import openpyxl
import pytest
import xlwt
from django.core.management import call_command
from odf.opendocument import OpenDocumentSpreadsheet
from odf.style import Style, TextProperties
from odf.table import Table, TableCell, TableRow
from odf.text import P
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.styles import Font
from xlrd.sheet import Note, Sheet

from imports import tasks
from imports.enums import Purpose
from imports.models import ImportRow
from imports.operations import recheck, upload
from imports.parsing.declined_rows import DECLINED
from imports.parsing.spreadsheet import ParsingOptions, parse_spreadsheet
from licensing.pools.models import Allocation
from tests.conftest import TERM
from tests.factories.schools import SchoolFactory
from tests.imports.actions import answer_likely, confirm_and_apply, upload_and_parse
from tests.imports.pages import import_url, page_text
from tests.imports.sample_files import UNUSED_UAIS, build_csv, build_xlsx, replace_sheet_xml, save_workbook, schools_csv

TITLES = ("UAI", "Licences")
ROWS = [[uai, 3] for uai in UNUSED_UAIS]


def parse(content, **answers):
    return parse_spreadsheet(content, ParsingOptions(answers=answers))


def find_question(parsed):
    """Return the open question which rows to take, None where there is none."""
    return next((question for question in parsed.questions if question.code == "row_categories"), None)


def parse_as_likely(content):
    """Return the file parsed with the answer that is filled in, where it is asked which rows to take."""
    question = find_question(parse(content))
    return parse(content, row_categories=question.likely) if question else parse(content)


def declined(parsed):
    """Return the messages of the declined rows, by number."""
    return {row.number: p.message for row in parsed.rows for p in row.problems if p.code == DECLINED}


def answers(title, *cells):
    """Return the numbers of the declined rows of a list with these answers in a column, the first in row 2."""
    rows = [[uai, 3, cell] for uai, cell in zip(UNUSED_UAIS, cells, strict=False)]
    return [number - 2 for number in declined(parse_as_likely(build_xlsx([[*TITLES, title], *rows])))]


# What formats tell


def build_marked_xlsx():
    book = openpyxl.Workbook()
    for row in [TITLES, *ROWS]:
        book.active.append(list(row))
    book.active.column_dimensions["B"].hidden = True
    book.active.row_dimensions[3].hidden = True
    for cell in book.active[5]:
        cell.font = Font(strike=True)
    return save_workbook(book)


def build_marked_xls():
    book = xlwt.Workbook()
    page = book.add_sheet("A")
    struck = xlwt.easyxf("font: struck_out on")
    for top, row in enumerate([TITLES, *ROWS]):
        for left, cell in enumerate(row):
            page.write(top, left, cell, *([struck] if top == 4 else []))
    page.row(2).hidden = True
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def build_marked_ods():
    document = OpenDocumentSpreadsheet()
    struck = Style(name="barré", family="table-cell")
    struck.addElement(TextProperties(textlinethroughstyle="solid"))
    document.automaticstyles.addElement(struck)
    table = Table(name="A")
    for top, row in enumerate([TITLES, *ROWS]):
        line = TableRow(**({"visibility": "filter"} if top == 2 else {}))
        for cell in row:
            kind = {"valuetype": "float", "value": cell} if isinstance(cell, int) else {"valuetype": "string"}
            element = TableCell(**kind, **({"stylename": struck} if top == 4 else {}))
            element.addElement(P(text=str(cell)))
            line.addElement(element)
        table.addElement(line)
    document.spreadsheet.addElement(table)
    out = io.BytesIO()
    document.write(out)
    return out.getvalue()


@pytest.mark.parametrize("build", [build_marked_xlsx, build_marked_xls, build_marked_ods])
def test_hidden_and_struck_rows_are_found_in_each_format(build):
    parsed = parse(build())
    found = declined(parsed)
    assert list(found) == [3, 5]
    assert "masquée dans le fichier" in found[3]
    assert "barrée dans le fichier" in found[5]
    assert len(parsed.remarks) == 1
    assert parsed.remarks[0].replace("\u00a0", " ") == ("2 lignes ne sont pas cochées d'office (1 masquée, 1 barrée).")
    assert [row.units for row in parsed.rows] == [3] * 5


def test_notes_on_the_cells_of_an_old_workbook_are_read(monkeypatch):
    read = Sheet.read

    def read_with_note(sheet, book):
        # As xlrd fills it; xlwt writes no notes.
        result = read(sheet, book)
        note = Note()
        note.text = "pas cette\nannée"
        sheet.cell_note_map[5, 1] = note
        return result

    monkeypatch.setattr(Sheet, "read", read_with_note)
    assert "une note dit « pas cette année »" in declined(parse(build_marked_xls()))[6]


def test_a_row_with_digits_struck_or_raised_is_not_ticked():
    book = openpyxl.Workbook()
    for row in [TITLES, *ROWS]:
        book.active.append(list(row))
    book.active["B3"] = CellRichText("5", TextBlock(InlineFont(vertAlign="superscript"), "1"))
    found = declined(parse(save_workbook(book)))
    assert list(found) == [3]
    assert "chiffres y sont barrés ou en exposant" in found[3]


def test_a_struck_remark_beside_the_school_says_nothing():
    book = openpyxl.Workbook()
    book.active.append([*TITLES, "Remarque"])
    for row in ROWS:
        book.active.append([*row, "à revoir"])
    book.active["C4"].font = Font(strike=True)
    assert not declined(parse(save_workbook(book)))


def test_only_rows_marked_as_hidden_are_hidden():
    xml = (
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><cols><col min="1" max="1" '
        b'width="9" hidden="1"/></cols><sheetData>%s</sheetData></worksheet>'
    )
    lines = [TITLES, *ROWS]
    cells = b"".join(
        f'<row r="{n}" hidden="{str(n == 3).lower()}"><c r="A{n}" t="inlineStr"><is><t>{uai}</t></is></c>'
        f'<c r="B{n}" t="inlineStr"><is><t>{units}</t></is></c></row>'.encode()
        for n, (uai, units) in enumerate(lines, start=1)
    )
    parsed = parse(replace_sheet_xml(build_xlsx([TITLES]), xml % cells))
    assert len(parsed.rows) == 5
    assert list(declined(parsed)) == [3]


# What columns answer


@pytest.mark.parametrize(
    ("title", "cells", "expected"),
    [
        ("Avis", ("Accordé", "Refusé", "Accordé", "REFUSÉE", ""), [1, 3, 4]),
        ("Observations", ("", "Ne participe pas", "voir M. Martin", "annulé", ""), [1, 2, 3]),
        ("Participe", ("oui", "non", "Oui", "NON", "oui"), [1, 3]),
        ("Participe", (True, False, True, True, False), [1, 4]),
        ("Votre école participe-t-elle ?", ("X", "", "x", "X", ""), [1, 4]),
        ("Retenue", ("✓", "✗", "✓", "✓", "✗"), [1, 4]),
        ("Retenue", ("✗", "", "✗", "✗", ""), [1, 4]),
        ("Inscrite", ("☑", "☐", "☑", "☑", "☐"), [1, 4]),
        ("", ("x", "x", "", "x", "x"), [2]),
        ("Ne participe pas", ("", "x", "", "", ""), [1]),
        # Neither yes nor no.
        ("Participe ?", ("oui", "à confirmer", "peut-être", "non concernée", "en attente"), [1, 2, 3, 4]),
        ("Participe", ("oui (sous réserve)", "oui par mail", "n", "ok, 3 classes", "?"), [0, 2, 4]),
        ("Avis", ("Accordé", "voir avec la DSDEN", "Favorable", "Accordé pour 3 classes", "participe pas"), [1, 4]),
        (
            "Participe",
            ("oui", "non", "sans réponse", "Oui, sous réserve de l'accord du conseil d'école", "oui"),
            [1, 2, 3],
        ),
        ("Accordées", ("1", "2", "1", "0", "1"), [3]),
        ("Observations", ("à confirmer", "", "en attente", "oui", ""), [0, 2]),
        # A remark unticks its row, whatever it says and however many other rows have one.
        ("Obs.", ("attendre la rentrée", "vu avec la directrice", "à rappeler", "dossier reçu", ""), [0, 1, 2, 3]),
        ("Remarque", ("école refusée par erreur en 2024, accordée depuis", "", "", "", ""), [0]),
        ("Avis", ("Accordé", "Accordé", "", "Accordé", ""), [2, 4]),
        ("Suite", ("", "", "bâtiment en travaux", "", ""), [2]),
        ("Suite", ("", "", "05 62 00 95 10", "", "Mme Durand"), []),
        # Nothing is said about taking part.
        ("REP", ("oui", "non", "x", "", "oui"), []),
        ("Accord RGPD", ("oui", "non", "oui", "", "oui"), []),
        ("Participe", ("", "", "", "", ""), []),
        ("Réponse", ("12", "0", "8", "3", "9"), []),
    ],
)
def test_answers_that_mean_no(title, cells, expected):
    assert answers(title, *cells) == expected


def test_text_files_answer_in_columns_as_well():
    rows = [[*row, answer] for row, answer in zip(ROWS, ("oui", "non", "oui", "oui", "oui"), strict=True)]
    message = declined(parse_as_likely(build_csv([[*TITLES, "Participe"], *rows])))[3]
    assert message == "Vos réponses écartent cette ligne : la colonne « Participe » dit « non »."


def build_sheets(*names):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, row in zip(names, ROWS, strict=False):
        sheet = book.create_sheet(name)
        sheet.append(list(TITLES))
        sheet.append(row)
    return save_workbook(book)


@pytest.mark.parametrize(
    "name", ["Refusées", "Écoles non retenues", "Ne participent pas", "Désistements", "Liste d'attente"]
)
def test_rows_of_a_sheet_of_refusals_are_set_apart(name):
    parsed = parse(build_sheets("Accordées", name))
    messages = [[p.message for p in row.problems if p.code == DECLINED] for row in parsed.rows]
    assert messages == [
        [],
        [f"Le fichier semble écarter cette ligne : elle est dans la feuille « {name} »."],
    ]


def test_a_sheet_of_refusals_that_is_the_only_one_is_read():
    assert declined(parse(build_sheets("Refusées"))) == {}
    assert declined(parse(build_sheets("Nord", "Sud"))) == {}


def test_a_refused_row_gives_way_to_another_of_its_school():
    rows = [[UNUSED_UAIS[0], 10, "Refusé"], [UNUSED_UAIS[0], 8, "Accordé"], [UNUSED_UAIS[1], 4, "Accordé"]]
    parsed = parse_as_likely(build_csv([[*TITLES, "Avis"], *rows]))
    assert [bool(row.ignored) for row in parsed.rows] == [True, False, False]
    assert [note.code for note in parsed.rows[0].notes] == ["another_row_counts"]
    assert not parsed.remarks


# With the directory


def upload_refused(pool):
    schools = SchoolFactory.create_batch(3)
    rows = [(school, 2, avis) for school, avis in zip(schools, ("Accordé", "Refusé", "Refusé"), strict=True)]
    return schools, answer_likely(upload_and_parse(pool, schools_csv(*rows, titles=("UAI", "Licences", "Avis"))))


def ticks():
    return list(ImportRow.objects.order_by("number").values_list("ticked", flat=True))


@pytest.mark.slow
def test_declined_rows_stay_unticked_when_all_is_checked_again(pool, officer):
    schools, spreadsheet_import = upload_refused(pool)
    assert ticks() == [True, False, False]
    recheck.recheck_import(spreadsheet_import)
    assert ticks() == [True, False, False]
    assert ImportRow.objects.filter(codes=[DECLINED]).count() == 2
    confirm_and_apply(spreadsheet_import)
    assert list(Allocation.objects.values_list("school_id", flat=True)) == [schools[0].uai]
    assert "2 lignes laissées de côté : ligne 3" in page_text(officer.get(import_url("detail", spreadsheet_import.pk)))


def test_declined_rows_of_a_portfolio_are_unticked_too(nimes):
    schools = SchoolFactory.create_batch(2)
    content = schools_csv((schools[0], "oui"), (schools[1], "non"), titles=("UAI", "Participe"))
    spreadsheet_import = upload.store_upload(
        purpose=Purpose.PORTFOLIO, pool_id=None, filename="a.csv", content=content, units_for_all=None, by=None, at=TERM
    )
    tasks.read(import_id=spreadsheet_import.pk)
    spreadsheet_import.refresh_from_db()
    answer_likely(spreadsheet_import)
    assert ticks() == [True, False]


@pytest.mark.slow
def test_one_button_ticks_all_declined_rows(pool, manager):
    _, spreadsheet_import = upload_refused(pool)
    address = f"/imports/{spreadsheet_import.pk}/"
    page = page_text(manager.get(f"{address}?onglet=toutes"))
    assert "2 lignes que vos réponses écartent, laissées de côté (par la colonne « Avis »)" in page
    assert page.count("2 lignes ne sont pas cochées d’office") == 1
    manager.post(f"{address}ensemble/", {"action": "tick", "remarque": DECLINED, "etat": "unticked", "retour": address})
    assert ticks() == [True, True, True]
    assert "laissées de côté" not in manager.get(f"{address}?onglet=toutes").content.decode()


@pytest.mark.slow
def test_the_command_applies_no_declined_row(pool, nimes, tmp_path):
    schools, _ = upload_refused(pool)
    ImportRow.objects.all().delete()
    file = tmp_path / "a.csv"
    rows = [(school, 2, avis) for school, avis in zip(schools, ("Accordé", "Refusé", "Refusé"), strict=True)]
    file.write_bytes(schools_csv(*rows, titles=("UAI", "Licences", "Avis")))
    out = io.StringIO()
    call_command(
        "import_spreadsheet", str(file), "--collectivity=nimes", f"--pool={pool.pk}", "--apply", "--json",
        "--answer=row_categories=C:accorde/C:refuse", stdout=out,
    )  # fmt: skip
    report = json.loads(out.getvalue())
    assert report["applied"] == 1
    assert [problem["row"] for problem in report["problems"] if problem["code"] == DECLINED] == [3, 4]
