"""One number merged over the rows of several schools: asked, or given to the school that has the levels."""

import pytest

from imports import queries, tasks, wording
from imports.enums import ImportState, Verdict
from imports.models import ImportRow
from imports.operations import intake, recheck, row_edits
from imports.parsing.spreadsheet import ParsingOptions, parse_spreadsheet
from tests.conftest import TERM
from tests.factories.schools import SchoolFactory
from tests.imports.actions import upload_and_parse
from tests.imports.sample_files import UNUSED_UAIS, build_xlsx

TITLES = ["École", "Commune", "Niveau", "Licences"]
#: A nursery and an elementary school, and a group of two elementary schools, with a number each.
ROWS = [
    ["Pasteur", "Nîmes", "maternelle", 8],
    ["Pasteur", "Nîmes", "élémentaire", None],
    ["Zola", "Alès", "élémentaire", 5],
    ["Hugo", "Uzès", "élémentaire", None],
    ["Sand", "Nîmes", "élémentaire", 3],
]
MERGED = ["D2:D3", "D4:D5"]


def parse(answer="", rows=ROWS, merged=MERGED, titles=TITLES):
    answers = {"shared_numbers": answer} if answer else {}
    return parse_spreadsheet(build_xlsx([titles, *rows], merged=merged), ParsingOptions(answers=answers))


def units(parsed):
    return [None if row.ignored else row.units for row in parsed.rows]


def test_a_number_shared_by_schools_is_asked_about():
    (question,) = parse().questions
    assert (question.code, question.column) == ("shared_numbers", "units")
    assert [option.value for option in question.options] == ["elementary", "each", "by_row"]
    assert "Par exemple, 8, lignes 2 et 3" in question.message


def labels(question):
    return [option.label.replace("\u00a0", " ") for option in question.options]


def test_each_answer_says_what_it_gives():
    (question,) = parse().questions
    assert labels(question) == [
        "À l'école élémentaire ou primaire, quand il n'y en a qu'une : 8 licences en tout ; sinon, ligne par ligne",
        "À chacune de ces écoles, en entier : 26 licences en tout, au lieu de 13",
        "Je l'indiquerai ligne par ligne",
    ]
    (question,) = parse(rows=ROWS[:2], merged=["D2:D3"]).questions
    assert labels(question)[0] == "À l'école élémentaire ou primaire : 8 licences en tout"


def test_the_school_with_the_levels_gets_the_number_where_there_is_one():
    parsed = parse("elementary")
    assert not parsed.questions
    assert units(parsed) == [None, 8, None, None, 3]
    assert parsed.rows[0].ignored == "Nombre commun aux lignes 2 et 3, donné à la ligne 3."
    assert [note.code for note in parsed.rows[0].notes] == ["shared_number", "number_given_elsewhere"]
    assert parsed.rows[1].problems[0].message == "8\u00a0licences, nombre commun aux lignes 2 et 3."
    for row in parsed.rows[2:4]:
        assert [(problem.code, problem.blocking) for problem in row.problems] == [("shared_number", True)]


def test_each_school_may_get_the_number():
    assert units(parse("each")) == [8, 8, 5, 5, 3]


def test_numbers_may_be_left_to_the_member_row_by_row():
    parsed = parse("by_row")
    assert units(parsed) == [None, None, None, None, 3]
    assert all(row.problems[0].blocking for row in parsed.rows[:4])


def test_without_a_school_that_has_the_levels_alone_it_is_not_offered():
    (question,) = parse(rows=ROWS[2:], merged=["D2:D3"]).questions
    assert [option.value for option in question.options] == ["each", "by_row"]


def test_rows_of_one_school_share_its_number_unasked():
    rows = [[UNUSED_UAIS[0], "CP", 4], [UNUSED_UAIS[0], "CE1", None], [UNUSED_UAIS[1], "CP", 2]]
    parsed = parse(rows=rows, merged=["C2:C3"], titles=["UAI", "Niveau", "Licences"])
    assert not parsed.questions
    assert units(parsed) == [4, None, 2]


@pytest.mark.parametrize("merged", [[], ["B2:B3"]])
def test_other_merged_cells_ask_nothing(merged):
    assert not parse(merged=merged).questions


def read_with_answer(pool, content, answer):
    """Read a file and answer the question about its shared numbers."""
    spreadsheet_import = upload_and_parse(pool, content)
    assert spreadsheet_import.state == ImportState.READ
    intake.choose_layout(
        import_id=spreadsheet_import.pk, sheets=None, header_row=1, columns=spreadsheet_import.layout.columns,
        answers={"shared_numbers": answer}, units_for_all=None, by=None, at=TERM,
    )  # fmt: skip
    tasks.read(import_id=spreadsheet_import.pk)
    spreadsheet_import.refresh_from_db()
    return spreadsheet_import


@pytest.mark.slow
def test_a_restored_row_of_a_number_given_elsewhere_does_not_give_it_again(pool):
    nursery, elementary = SchoolFactory(has_elementary=False), SchoolFactory()
    content = build_xlsx(
        [["UAI", "Niveau", "Licences"], [nursery.uai, "maternelle", 8], [elementary.uai, "élémentaire", None]],
        merged=["C2:C3"],
    )
    spreadsheet_import = read_with_answer(pool, content, "elementary")
    recalled = "Un nombre commun à plusieurs écoles va à l'élémentaire ou à la primaire."
    assert wording.describe_numbers(spreadsheet_import) == [recalled]
    at = {"import_id": spreadsheet_import.pk, "by": None, "at": TERM}
    row_edits.restore_all(**at)
    row_edits.tick_all(import_id=spreadsheet_import.pk, ticked=True)
    restored = ImportRow.objects.get(number=2)
    assert (restored.verdict, restored.units, restored.ticked) == (Verdict.ERROR, None, False)
    assert restored.problems[0]["message"] == (
        "Le nombre 8, commun aux lignes 2 et 3, est déjà donné à la ligne 3 : indiquez celui de cette école, ou mettez "
        "la ligne de côté."
    )
    assert queries.get_tally(spreadsheet_import).units == 8
    typed = row_edits.amend_row(number=2, edits={"units": "2"}, **at)
    assert (typed.verdict, typed.units, "shared_number" in typed.codes) == (Verdict.NEW, 2, False)


@pytest.mark.slow
def test_a_number_left_to_the_member_is_still_missing_when_all_is_checked_again(pool):
    schools = SchoolFactory.create_batch(3)
    rows = [[school.uai, units] for school, units in zip(schools, (8, None, 2), strict=True)]
    content = build_xlsx([["UAI", "Licences"], *rows], merged=["B2:B3"])
    spreadsheet_import = read_with_answer(pool, content, "by_row")
    recheck.recheck_import(spreadsheet_import)
    assert list(ImportRow.objects.order_by("number").values_list("units", "ticked")) == [
        (None, False), (None, False), (2, True)
    ]  # fmt: skip
    row = row_edits.amend_row(import_id=spreadsheet_import.pk, number=2, edits={"units": "8"}, by=None, at=TERM)
    assert (row.units, row.ticked, row.codes) == (8, True, [])
