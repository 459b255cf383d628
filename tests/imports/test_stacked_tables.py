"""Several tables one below the other in a sheet, each with its own columns."""

import json

import pytest

from imports.columns import ADDED_TITLES, Meaning
from imports.enums import ImportState
from imports.formats.exceptions import UnreadableFile
from imports.layout import Layout
from imports.models import ImportRow
from imports.operations.annotation import build_marks
from imports.parsing import stacked_tables
from imports.parsing.spreadsheet import ParsingContext, ParsingOptions, parse_spreadsheet
from tests.factories.schools import SchoolFactory
from tests.imports.actions import build_annotated, upload_and_parse, upload_corrected
from tests.imports.sample_files import UNUSED_UAIS, build_csv, build_xlsx

COMMUNES = ParsingContext(communes=frozenset({"nimes", "ales"}))
FIRST = [
    ["École", "Commune", "Licences", "Nb classes"],
    ["École Zola", "Nîmes", 3, 14],
    ["École Hugo", "Nîmes", 10, 14],
]


def parse(rows, **choices):
    return parse_spreadsheet(build_xlsx(rows), ParsingOptions(**choices), known=COMMUNES)


def units(parsed_sheet):
    return {row.number: row.units for row in parsed_sheet.rows if not row.ignored}


def test_a_table_below_with_columns_in_another_order_is_read_with_its_own():
    below = [
        [],
        ["École", "Commune", "Nb classes", "Licences"],
        ["École Arago", "Alès", 14, 4],
        ["Gide", "Alès", 14, 5],
    ]
    parsed_sheet = parse([*FIRST, *below])
    assert units(parsed_sheet) == {2: 3, 3: 10, 6: 4, 7: 5}
    assert [(row.number, row.ignored) for row in parsed_sheet.rows if row.ignored] == [
        (5, "Titres d'un autre tableau.")
    ]
    assert not parsed_sheet.questions
    (remark,) = parsed_sheet.remarks
    assert "ligne 5 de la feuille « Feuil1 »" in remark
    assert "Nombre de licences : D" in remark


@pytest.mark.parametrize(
    ("titles", "row"),
    [
        (["UAI", "École", "Commune", "Nb classes", "Licences"], [UNUSED_UAIS[0], "Arago", "Alès", 14, 4]),
        (["Code RNE", "Établissement", "Ville", "Nombre de classes", "Quantité"], [UNUSED_UAIS[0], "A", "Alès", 9, 4]),
        (["Établissement", "Ville", "Classes ouvertes", "Licences demandées"], ["Arago", "Alès", 14, 4]),
        ([None, None, "École", "Commune", "Licences"], [None, None, "Arago", "Alès", 4]),
        (["École", "Commune", "Parrain", "Licences"], ["Arago", "Alès", "Untel", 4]),
        (["Établissement", "Vu le", "Commune", "Licences"], ["Arago", "12 mars", "Alès", 4]),
    ],
)
def test_other_titles_begin_another_table(titles, row):
    """One more column, other words, another place, a title that nobody knows."""
    parsed_sheet = parse([*FIRST, [], titles, row])
    assert units(parsed_sheet) == {2: 3, 3: 10, 6: 4}


def test_two_rows_of_titles_begin_another_table():
    below = [
        ["École", "Commune", "Dotation", None],
        [None, None, "Licences 2025", "Licences 2026"],
        ["A", "Alès", 4, 5],
    ]
    parsed_sheet = parse([*FIRST, [], *below])
    assert (parsed_sheet.further_tables[0].header_row, units(parsed_sheet)[7]) == (6, None)


@pytest.mark.parametrize(
    "row",
    [
        ["École", "Commune", "Licences", "Nb classes"], ["École", None, "Licences", None],
        ["ECOLE", "commune", "Licences", "NB CLASSES"],
    ],
)  # fmt: skip
def test_the_same_titles_again_begin_no_other_table(row):
    parsed_sheet = parse([*FIRST, row, ["École Arago", "Alès", 4, 14]])
    assert (units(parsed_sheet), parsed_sheet.remarks) == ({2: 3, 3: 10, 5: 4}, [])
    assert [row.ignored for row in parsed_sheet.rows if row.ignored] == ["En-tête répété."]


@pytest.mark.parametrize(
    "row", [["École maternelle", "Ville", "", ""], ["École", "Commune", "3", "14"], ["Primaire", "Commune", "", ""]]
)
def test_a_school_with_the_words_of_titles_begins_no_other_table(row):
    content = build_csv([*FIRST, row, ["École Arago", "Alès", "4", "14"]])
    parsed_sheet = parse_spreadsheet(content, ParsingOptions(), known=COMMUNES)
    assert (parsed_sheet.further_tables, units(parsed_sheet)[5]) == ([], 4)


def test_other_words_in_the_same_columns_need_no_remark():
    parsed_sheet = parse([*FIRST, ["Écoles", "Ville", "Nb licences", "Classes"], ["École Arago", "Alès", 4, 14]])
    assert (units(parsed_sheet), parsed_sheet.remarks) == ({2: 3, 3: 10, 5: 4}, [])


def test_a_large_table_below_does_not_change_the_columns_of_the_first():
    below = [["École", "Nb classes", "Licences", "UAI"], *[["Arago", 14, 4, uai] for uai in UNUSED_UAIS]]
    parsed_sheet = parse([["UAI", "École", "Licences"], ["0300001A", "Zola", 3], [], *below])
    assert parsed_sheet.columns == {Meaning.UAI: 0, Meaning.NAME: 1, Meaning.UNITS: 2}
    assert [row.cells["uai"] for row in parsed_sheet.rows if not row.ignored] == ["0300001A", *UNUSED_UAIS]


def test_totals_and_communes_stay_within_their_table():
    first = [["École", "Commune", "Licences"], ["Zola", "Nîmes", 3], ["Hugo", None, 4], ["Sand", None, 5]]
    below = [["École", "Licences", "Commune"], ["Arago", 4, None], ["Gide", 6, None], [None, 10, None]]
    rows = {row.number: row for row in parse([*first, [], *below]).rows}
    assert [rows[number].cells["commune"] for number in (2, 3, 4)] == ["Nîmes"] * 3
    assert "commune" not in rows[7].cells
    assert rows[9].ignored


def test_a_table_below_without_numbers_says_so():
    parsed_sheet = parse([*FIRST, [], ["École", "Commune", "Mél"], ["École Arago", "Alès", "a@b.fr"]])
    assert "Aucune n'y donne « Nombre de licences »" in parsed_sheet.remarks[0]
    assert [problem.code for problem in parsed_sheet.rows[-1].problems] == ["units_missing"]


def test_tables_with_the_same_schools_are_asked_about():
    below = [["UAI", "Nb classes", "École", "Licences"], *[[uai, 14, "Zola", 4] for uai in UNUSED_UAIS]]
    rows = [["UAI", "École", "Licences"], *[[uai, "Zola", 3] for uai in UNUSED_UAIS], [], *below]
    parsed_sheet = parse(rows)
    (question,) = parsed_sheet.questions
    assert (question.code, [option.value for option in question.options]) == ("duplicate_tables", ["0-1", "0-8", "all"])
    assert "lignes 1 et 8" in question.message
    assert question.options[1].label == "Seulement celui de la ligne 8 : 5\xa0écoles, 20\xa0licences"
    assert len(units(parsed_sheet)) == 2 * len(UNUSED_UAIS)
    answered = parse(rows, answers={"duplicate_tables": "0-8"})
    assert (answered.questions, set(units(answered).values())) == ([], {4})
    assert len(units(parse(rows, answers={"duplicate_tables": "all"}))) == 2 * len(UNUSED_UAIS)


def build_versions(heading="Rappel 2025-2026"):
    titles = ["UAI", "École", "Licences"]
    now, before = ([[uai, "Zola", number] for uai in UNUSED_UAIS] for number in (3, 4))
    return [titles, *now, ["TOTAL", "", 15], [], [heading, "", ""], titles, *before]


def test_tables_with_the_same_titles_and_schools_are_versions_too():
    (question,) = parse(build_versions()).questions
    assert (question.code, [option.value for option in question.options]) == (
        "duplicate_tables",
        ["0-1", "0-10", "all"],
    )
    assert question.options[1].label == (
        "Seulement celui de la ligne 10, « Rappel 2025-2026 » : 5\u00a0écoles, 20\u00a0licences"
    )
    for answer, number in (("0-1", 3), ("0-10", 4)):
        answered = parse(build_versions(), answers={"duplicate_tables": answer})
        assert (answered.questions, set(units(answered).values())) == ([], {number})


def test_all_versions_read_leave_the_question_about_their_rows():
    parsed = parse(build_versions(), answers={"duplicate_tables": "all"})
    assert [question.code for question in parsed.questions] == ["repeated_schools"]
    assert "5 écoles sur 5" in parsed.questions[0].message


@pytest.mark.parametrize("heading", ["Rappel 2025-2026", "Écoles en 2025/26", "Année 2025 – 2026"])
def test_a_heading_with_a_school_year_is_no_school(heading):
    row = next(row for row in parse(build_versions(heading)).rows if row.number == 9)
    assert row.ignored == "Ligne sans école : une note ou un titre."


def test_titles_repeated_on_each_page_of_a_list_are_no_versions():
    rows = [["UAI", "Licences"], *[[uai, 3] for uai in UNUSED_UAIS]]
    rows[3:3] = [["UAI", "Licences"]]
    assert parse(rows).questions == []


def test_too_many_tables_are_refused_by_name(monkeypatch):
    monkeypatch.setattr(stacked_tables, "MAX_TABLES", 2)
    swapped = [["École", "Commune", "Nb classes", "Licences"], ["Arago", "Alès", 14, 4]]
    assert len(parse([*FIRST, *swapped]).further_tables) == 1
    with pytest.raises(UnreadableFile) as refusal:
        parse([*FIRST, *swapped, *FIRST])
    assert refusal.value.code == "too_many_tables"


@pytest.mark.slow
def test_problems_are_marked_in_the_cells_of_their_table(pool):
    """Also after the annotated workbook came back: its choices are read in both tables."""
    schools = SchoolFactory.create_batch(3)
    content = build_xlsx(
        [["UAI", "École", "Licences"], [schools[0].uai, schools[0].name, 3], ["0300000Z", schools[1].name, 3], [],
         ["École", "Nb classes", "Licences", "UAI"], [schools[2].name, 14, "beaucoup", "0300000Z"]]
    )  # fmt: skip
    spreadsheet_import = upload_and_parse(pool, content, filename="deux.xlsx")
    assert spreadsheet_import.state == ImportState.CHECKED
    stored = Layout.from_json(json.loads(json.dumps(spreadsheet_import.layout.to_json())))
    assert stored.columns_at(0, 6) == {Meaning.UAI: 3, Meaning.UNITS: 2, Meaning.CLASSES: 1, Meaning.NAME: 0}
    columns = {mark.number: {fault.column for fault in mark.faults} for mark in build_marks(spreadsheet_import)}
    assert columns == {3: {0}, 6: {2, 3}}
    book = build_annotated(spreadsheet_import)
    sheet = book.active
    assert [cell.value for cell in sheet[5]][4:] == list(ADDED_TITLES)
    sheet["G3"], sheet["G6"], sheet["C6"] = schools[1].uai, schools[2].uai, 4
    corrected = upload_corrected(pool, book)
    rows = {row.number: row.uai for row in ImportRow.objects.filter(import_id=corrected.pk)}
    assert rows == {2: schools[0].uai, 3: schools[1].uai, 5: "", 6: schools[2].uai}


def test_schools_that_all_stand_again_below_a_heading_may_be_a_correction():
    rows = [["UAI", "École", "Licences"], [UNUSED_UAIS[0], "Zola", 3], ["RECTIFICATIF du 12/10"]]
    (remark,) = parse([*rows, [UNUSED_UAIS[0], "Zola", 1]]).remarks
    assert remark.startswith("Sous « RECTIFICATIF du 12/10 » (ligne 3), les écoles sont toutes déjà citées plus haut")
    assert not parse([*rows, [UNUSED_UAIS[1], "Hugo", 1]]).remarks
