"""The annotated workbook: the same file with errors marked and explained, and schools to choose from."""

import datetime
import io
import os
import re
import zipfile
from typing import Any

import openpyxl
import pytest
from openpyxl.comments import Comment
from openpyxl.styles import PatternFill
from openpyxl.worksheet.dimensions import ColumnDimension
from procrastinate.contrib.django.models import ProcrastinateJob

from imports import tasks
from imports.columns import ADDED_TITLES, LISTS_SHEET, Meaning
from imports.formats.detection import open_workbook
from imports.formats.xlsx import DECIDED_COLOUR, SEVERE_COLOUR, WARNING_COLOUR
from imports.models import SpreadsheetImport
from imports.operations import annotation, row_edits
from imports.operations.annotation import AnnotationState
from imports.workbooks import annotated_workbook, provenance
from imports.workbooks.annotated_workbook import annotate
from imports.workbooks.marks import MarkedProblem, RowMarks, TableLocation
from imports.workbooks.provenance import Provenance
from licensing.pools.operations import allocate
from tests.conftest import TERM
from tests.factories.schools import SchoolFactory
from tests.imports.actions import build_annotated, upload_and_parse
from tests.imports.sample_files import (
    build_csv,
    build_ods,
    build_xls,
    build_xlsx,
    build_zip,
    replace_sheet_xml,
    save_workbook,
)
from tests.refusals import refuses

CELL_MARK = RowMarks(
    0,
    3,
    (MarkedProblem(0, "Erreur : Cet UAI est faux.", True), MarkedProblem(3, "À vérifier : C'est beaucoup.", False)),
    ("0301234D – École Zola, Nîmes", "0301235E – École Hugo, Nîmes"),
)
ROW_MARK = RowMarks(0, 4, (MarkedProblem(None, "À vérifier : Hors du périmètre.", False),), ())
PLACE = TableLocation(
    ["Écoles", "Notes"], {0: 2}, {Meaning.UAI: 0, Meaning.NAME: 1, Meaning.COMMUNE: 2, Meaning.UNITS: 3}, 4
)


def build_styled_workbook():
    """Return a workbook with styles, filters and hidden columns."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Écoles"
    sheet["A1"] = "Liste des écoles"
    sheet.merge_cells("A1:D1")
    sheet.append(["UAI", "École", "Commune", "Licences"])
    sheet.append(["0301999X", "École Zola", "Nîmes", 3])
    sheet.append(["0301234D", "École Hugo", "Nîmes", "=2+2"])
    sheet["A3"].fill = PatternFill("solid", fgColor="FFDDEEFF")
    sheet["A3"].comment = Comment("Vu avec la mairie", "Moi")
    sheet.column_dimensions["C"].hidden = True
    sheet.column_dimensions["E"] = ColumnDimension(sheet, index="E", min=5, max=16384, hidden=True)
    sheet.freeze_panes = "A3"
    sheet.print_title_rows = "2:2"
    book.create_sheet("Notes")["B2"] = "à garder"
    return save_workbook(book)


def sign(book, choice):
    provenance.write_property(book, provenance.add_choice(provenance.sign(7, "nimes"), choice))


def load(content):
    return openpyxl.load_workbook(io.BytesIO(content))


def test_the_same_workbook_comes_back_with_its_errors_marked():
    book = load(annotate(build_styled_workbook(), PLACE, [CELL_MARK, ROW_MARK], sign, macros=False))
    sheet = book["Écoles"]
    assert [cell.value for cell in sheet[2]][4:] == list(ADDED_TITLES)
    assert sheet["E3"].value == "Erreur : Cet UAI est faux.\nÀ vérifier : C'est beaucoup."
    assert sheet["F3"].value == "\n".join(CELL_MARK.proposals)
    assert (sheet["E4"].value, sheet["F4"].value) == ("À vérifier : Hors du périmètre.", None)
    # The colours are repeated in words, by the note and the column.
    fills = {name: sheet[name].fill.fgColor.rgb for name in ("A3", "D3", "A4")}
    assert fills == {"A3": SEVERE_COLOUR, "D3": WARNING_COLOUR, "A4": WARNING_COLOUR}
    assert sheet["D3"].comment.text == "À vérifier : C'est beaucoup."
    # Existing content is kept.
    assert sheet["A3"].comment.text.startswith("Vu avec la mairie")
    assert "Cet UAI est faux" in sheet["A3"].comment.text
    assert (sheet["D4"].value, sheet.freeze_panes, sheet.print_title_rows) == ("=2+2", "A3", "$2:$2")
    assert [str(area) for area in sheet.merged_cells.ranges] == ["A1:D1"]
    assert sheet.column_dimensions["C"].hidden
    assert book["Notes"]["B2"].value == "à garder"
    # A hidden range of columns does not hide ours.
    spans = {key: (span.min, span.max, span.hidden) for key, span in sheet.column_dimensions.items()}
    assert (spans["F"], spans["H"]) == ((6, 6, False), (8, 16384, True))


def test_formulas_keep_their_displayed_values():
    content = build_styled_workbook()
    sheet = zipfile.ZipFile(io.BytesIO(content)).read("xl/worksheets/sheet1.xml")
    # openpyxl writes an empty element in two ways, with lxml or without.
    shown = re.sub(rb"<f>2\+2</f>(?:<v ?/>|<v></v>)", b"<f>2+2</f><v>4</v>", sheet)
    assert shown != sheet
    content = replace_sheet_xml(content, shown)
    marked = annotate(content, PLACE, [CELL_MARK], sign, macros=False)
    assert load(marked)["Écoles"]["D4"].value == "=2+2"
    rows = list(open_workbook(marked).sheets[0].rows())
    assert rows[3][3] == 4
    assert provenance.read_provenance(marked, "nimes") == Provenance(7, 6)


def test_macros_are_kept_as_they_came():
    members = {}
    with zipfile.ZipFile(io.BytesIO(build_styled_workbook())) as archive:
        for name in archive.namelist():
            members[name] = archive.read(name)
    plain = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
    types = members["[Content_Types].xml"]
    members["[Content_Types].xml"] = types.replace(plain, b"application/vnd.ms-excel.sheet.macroEnabled.main+xml")
    members["xl/vbaProject.bin"] = b"macros"
    made = annotated_workbook.annotate_as_it_came(build_zip(members), PLACE, [CELL_MARK], sign)
    assert (made.suffix, made.rebuilt) == (".xlsm", False)
    with zipfile.ZipFile(io.BytesIO(made.content)) as archive:
        assert archive.read("xl/vbaProject.bin") == b"macros"
        assert b"macroEnabled" in archive.read("[Content_Types].xml")
    sheet = load(made.content)["Écoles"]
    assert (sheet["A3"].fill.fgColor.rgb, sheet["D3"].comment.text) == (
        SEVERE_COLOUR,
        CELL_MARK.faults[1].words,
    )


def test_the_school_dropdown_belongs_to_its_row():
    content = annotate(build_styled_workbook(), PLACE, [CELL_MARK], sign, macros=False)
    book = load(content)
    (rule,) = book["Écoles"].data_validations.dataValidation
    assert (rule.type, str(rule.sqref), rule.showErrorMessage) == ("list", "G3:G4", False)
    assert "$F3" in rule.formula1
    offered = [cell.value for cell in book[LISTS_SHEET][1]]
    assert offered == ["\n".join(CELL_MARK.proposals), 2, *CELL_MARK.proposals]
    assert book[LISTS_SHEET].sheet_state == "hidden"
    assert [sheet.name for sheet in open_workbook(content).sheets][:2] == ["Écoles", "Notes"]


@pytest.mark.slow
def test_a_second_annotation_removes_the_first_one_s_marks():
    first = annotate(build_styled_workbook(), PLACE, [CELL_MARK, ROW_MARK], sign, macros=False)
    book = load(first)
    book["Écoles"]["G3"] = "0301234D – École Zola, Nîmes"
    place = PLACE._replace(names=book.sheetnames, width=7)
    sheet = load(annotate(save_workbook(book), place, [ROW_MARK], sign, macros=False))["Écoles"]
    assert sheet["A3"].fill.fgColor.rgb == "FFDDEEFF"
    assert (sheet["D3"].fill.fill_type, sheet["D3"].comment) == (None, None)
    assert sheet["A3"].comment.text == "Vu avec la mairie"
    assert [cell.value for cell in sheet[3]][4:] == [None, None, "0301234D – École Zola, Nîmes"]
    assert sheet["E4"].value == ROW_MARK.faults[0].words
    assert sheet.max_column == 7
    assert not [rule for rule in sheet.data_validations.dataValidation if str(rule.sqref) != "G3:G4"]


@pytest.mark.slow
def test_the_signature_is_valid_only_for_the_collectivity_that_signed():
    content = annotate(build_styled_workbook(), PLACE, [CELL_MARK], sign, macros=False)
    assert provenance.read_provenance(content, "nimes") == Provenance(7, 6)
    assert provenance.read_provenance(content, "gard") is None
    forged = openpyxl.load_workbook(io.BytesIO(build_styled_workbook()))
    provenance.write_property(forged, "7:AAAA.6")
    for other in (build_styled_workbook(), save_workbook(forged), b"PK\x03\x04", b"UAI;Licences", content[:-40]):
        assert provenance.read_provenance(other, "nimes") is None


@pytest.mark.parametrize("make", [build_csv, build_xls, build_ods, None])
def test_another_format_comes_back_as_a_workbook_of_its_values(make, monkeypatch):
    rows: list[list[Any]] = [
        ["Liste"],
        ["UAI", "École", "Commune", "Licences"],
        ["0301999X", "=1+1", "Nîmes", 3],
        ["0301234D", "x", "y", 2],
    ]
    if make is None:
        monkeypatch.setattr(annotated_workbook, "MAX_UNPACKED_BYTES", 10)
        rows[2][1] = "'=1+1"
    arguments = ((make or build_xlsx)(rows), PLACE._replace(names=["Feuil1"]), [CELL_MARK], sign)
    assert annotated_workbook.annotate_as_it_came(*arguments) is None
    made = annotated_workbook.rebuild_from_values(*arguments)
    assert (made.suffix, made.rebuilt) == (".xlsx", True)
    sheet = load(made.content).worksheets[0]
    assert [cell.value for cell in sheet[2]] == ["UAI", "École", "Commune", "Licences", *ADDED_TITLES]
    assert (sheet["B3"].data_type, str(sheet["D3"].value)) == ("s", "3")
    assert (sheet["A3"].fill.fgColor.rgb, sheet["A3"].comment.text) == (
        SEVERE_COLOUR,
        CELL_MARK.faults[0].words,
    )
    assert str(sheet.data_validations.dataValidation[0].sqref) == "G3:G4"
    assert provenance.read_provenance(made.content, "nimes") == Provenance(7, 6)


def test_what_openpyxl_cannot_open_is_not_annotated_as_it_came(monkeypatch):
    def refuse(*_args, **_kwargs):
        raise ValueError("no such style")

    monkeypatch.setattr(annotated_workbook, "annotate", refuse)
    assert annotated_workbook.annotate_as_it_came(build_styled_workbook(), PLACE, [CELL_MARK], sign) is None


@pytest.mark.parametrize(("load_average", "annotated"), [(0.0, True), (4.0, True), (8.0, True), (9.0, False)])
def test_a_busy_machine_annotates_only_what_it_can_in_time(load_average, annotated, monkeypatch):
    """A process gets half of a processor at a load of 8 on 4: half as much is annotated as it came."""
    content = build_styled_workbook()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        size = sum(member.file_size for member in archive.infolist())
    monkeypatch.setattr(annotated_workbook, "MAX_UNPACKED_BYTES", 2 * size)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(os, "getloadavg", lambda: (load_average, 0.0, 0.0))
    made = annotated_workbook.annotate_as_it_came(content, PLACE, [CELL_MARK], sign)
    assert (made is not None) == annotated


@pytest.mark.slow
def test_cells_of_one_style_are_marked_alike_and_others_keep_theirs():
    book = openpyxl.load_workbook(io.BytesIO(build_styled_workbook()))
    sheet = book["Écoles"]
    for cell, colour in (("A4", "FFDDEEFF"), ("A5", "FF00FF00"), ("A6", "FFDDEEFF")):
        sheet[cell] = "x"
        sheet[cell].fill = PatternFill("solid", fgColor=colour)
        sheet[cell].number_format = "0.00" if cell == "A6" else "General"
    marks = [CELL_MARK._replace(number=number) for number in (3, 4, 5, 6)]
    marked = annotate(save_workbook(book), PLACE, marks, sign, macros=False)
    cells = [load(marked)["Écoles"][f"A{number}"] for number in (3, 4, 5, 6)]
    assert {cell.fill.fgColor.rgb for cell in cells} == {SEVERE_COLOUR}
    assert [cell.number_format for cell in cells] == ["General", "General", "General", "0.00"]
    # The colours that they had come back.
    again = load(annotate(marked, PLACE._replace(names=load(marked).sheetnames, width=7), [], sign, macros=False))
    before = [again["Écoles"][f"A{number}"].fill.fgColor.rgb for number in (3, 4, 5, 6)]
    assert before == ["FFDDEEFF", "FFDDEEFF", "FF00FF00", "FFDDEEFF"]


@pytest.mark.slow
def test_the_worker_builds_it_once_and_again_when_rows_changed(pool):
    school = SchoolFactory()
    spreadsheet_import = upload_and_parse(
        pool, build_xlsx([["UAI", "Licences"], [school.uai, "x"], ["0300000Z", 1]]), filename="a.xlsx"
    )
    assert annotation.get_annotation_state(spreadsheet_import, TERM) is AnnotationState.ABSENT
    sheet = build_annotated(spreadsheet_import).worksheets[0]
    assert sheet["C2"].value.startswith("Erreur : ")
    assert sheet["B2"].fill.fgColor.rgb == SEVERE_COLOUR
    assert annotation.request_annotation(import_id=spreadsheet_import.pk, at=TERM) is AnnotationState.READY
    row_edits.amend_row(import_id=spreadsheet_import.pk, number=2, edits={"units": "2"}, by=None, at=TERM)
    assert annotation.get_annotation_state(spreadsheet_import, TERM) is AnnotationState.OUT_OF_DATE
    assert build_annotated(spreadsheet_import).worksheets[0]["C2"].value == "Corrigé ici : 2 (nombre de licences)."
    assert (
        ProcrastinateJob.objects.filter(task_name="imports.annotate", args__import_id=spreadsheet_import.pk).count()
        == 2
    )


@pytest.mark.slow
@pytest.mark.parametrize("build", [build_xlsx, build_csv])
def test_what_was_decided_on_the_page_is_written_beside_the_cells(pool, build):
    """In the file as it came, and in one made anew from its values."""
    named = SchoolFactory(name="Ecole Louis Pasteur")
    other, held = SchoolFactory.create_batch(2)
    allocate(pool_id=pool.pk, uai=held.uai, units=5, recipient=held.email, by=None, at=TERM)
    rows = [["", "Pasteur", 3], [other.uai, "", -3], [SchoolFactory().uai, "", 2], [held.uai, "", 2]]
    spreadsheet_import = upload_and_parse(pool, build([["UAI", "École", "Licences"], *rows]), filename="a.xlsx")
    changes: tuple[dict[str, Any], ...] = (
        {"edits": {"uai": named.uai}},
        {"edits": {"units": "12", "email": "direction@ville.fr"}},
        {"set_aside": True},
        {"conflict_resolution": "reduce"},
    )
    for number, change in enumerate(changes, start=2):
        row_edits.amend_row(import_id=spreadsheet_import.pk, number=number, by=None, at=TERM, **change)
    sheet = build_annotated(spreadsheet_import).worksheets[0]
    school = f"{named.uai} – {named.name} – {named.commune}"
    assert [sheet.cell(number, 6).value for number in range(2, 6)] == [school, None, None, None]
    assert f"École choisie ici : {school}." in sheet["A2"].comment.text
    assert sheet["C3"].comment.text.startswith("Corrigé ici : 12 (nombre de licences).")
    assert "Corrigé ici : direction@ville.fr (adresse e-mail)." in sheet["D3"].value
    assert sheet["D4"].value == "Ligne mise de côté ici."
    assert (sheet["D5"].value, sheet["C5"].comment.text) == ("Décidé ici : réduire à ce nombre.",) * 2
    assert sheet["C5"].fill.fgColor.rgb == DECIDED_COLOUR


@pytest.mark.slow
def test_a_row_that_is_left_out_says_why(pool):
    school, other, *once = SchoolFactory.create_batch(6)
    rows = [[school.uai, 3], [school.uai, 3], [other.uai, 2], [other.uai, 4], *([one.uai, 3] for one in once)]
    content = build_xlsx([["UAI", "Licences"], *rows, ["Total", 24]])
    spreadsheet_import = upload_and_parse(pool, content, filename="a.xlsx")
    row_edits.add_up_rows(import_id=spreadsheet_import.pk, number=4, by=None, at=TERM)
    sheet = build_annotated(spreadsheet_import).worksheets[0]
    added = "Laissée de côté : Même école que la ligne\u00a04, qui en porte le nombre (4\u00a0licences ici)."
    assert [sheet.cell(number, 3).value for number in range(2, 11)] == [
        None,
        "Laissée de côté : Cette école figure déjà à la ligne\u00a02.",
        "À vérifier : 6\u00a0licences, somme des lignes de cette école : 2 ici, plus ligne\u00a05 (4).",
        added,
        *[None] * 5,
    ]


@pytest.mark.slow
def test_a_stale_or_failed_workbook_job_is_shown_as_failed(pool, monkeypatch):
    spreadsheet_import = upload_and_parse(pool, build_xlsx([["UAI", "Licences"], ["0300000Z", 1]]), filename="a.xlsx")
    annotation.request_annotation(import_id=spreadsheet_import.pk, at=TERM)
    assert (
        annotation.get_annotation_state(spreadsheet_import, TERM + datetime.timedelta(minutes=16))
        is AnnotationState.FAILED
    )
    monkeypatch.setattr(annotation, "build_annotated_workbook", lambda _table: 1 / 0)
    tasks.annotate(import_id=spreadsheet_import.pk)
    assert annotation.get_annotation_state(spreadsheet_import, TERM) is AnnotationState.FAILED
    assert annotation.request_annotation(import_id=spreadsheet_import.pk, at=TERM) is AnnotationState.MAKING
    SpreadsheetImport.objects.update(state="cancelled")
    with refuses("invalid_state"):
        annotation.request_annotation(import_id=spreadsheet_import.pk, at=TERM)
