"""What a member decided about columns is remembered for the next file with the same titles, however it was decided."""

import pytest

from imports import tasks
from imports.enums import ImportState
from imports.layout import AnswerOption, Layout, LayoutChoices, LayoutQuestion
from imports.models import ImportRow, SpreadsheetImport
from imports.operations import intake
from imports.parsing.questions import describe_remembered
from tests.conftest import TERM
from tests.factories.schools import SchoolFactory
from tests.imports.actions import upload_and_parse
from tests.imports.pages import import_url
from tests.imports.sample_files import build_csv

pytestmark = pytest.mark.slow

TITLES = ["UAI", "Licences demandées", "Licences accordées"]
LAST_TIME = "Comme la dernière fois, « {} » ({}) est lue ; « {} » ({}) ne l'est pas."


@pytest.fixture
def schools():
    return SchoolFactory.create_batch(3)


def build(schools, titles=TITLES, numbers=((5, 3), (12, 10), (8, 6))):
    return build_csv([titles, *([school.uai, *row] for school, row in zip(schools, numbers, strict=True))])


def answer(officer, spreadsheet_import, **fields):
    """Send the page of questions, and read the file again."""
    response = officer.post(import_url("choose", spreadsheet_import.pk), {"header_row": 1, "column_0": "uai", **fields})
    assert response.status_code == 302, response.content.decode()
    tasks.read(import_id=spreadsheet_import.pk)
    return SpreadsheetImport.objects.get(pk=spreadsheet_import.pk)


@pytest.mark.parametrize(
    ("fields", "remark"),
    [
        ({"answer_ambiguous_column": "C"}, LAST_TIME.format(TITLES[2], "C", TITLES[1], "B")),
        ({"answer_ambiguous_column": "B"}, LAST_TIME.format(TITLES[1], "B", TITLES[2], "C")),
        ({"column_1": "units"}, LAST_TIME.format(TITLES[1], "B", TITLES[2], "C")),
    ],
)
def test_an_answer_is_remembered_as_a_column_of_the_list_is_and_named(officer, pool, schools, fields, remark):
    answer(officer, upload_and_parse(pool, build(schools)), **fields)
    again = upload_and_parse(pool, build(schools)).layout
    assert (again.questions, again.remembered, remark in again.remarks) == ([], True, True)


def test_a_sum_that_was_asked_for_is_remembered_and_named(officer, pool, schools):
    content = build(schools, ["UAI", "CP", "CE1"], ((1, 2), (2, 1), (3, 1)))
    fields = {"answer_level_columns": "B+C", "volume": "classes"}
    assert answer(officer, upload_and_parse(pool, content), **fields).layout.sums
    again = upload_and_parse(pool, content).layout
    assert (again.questions, list(again.sums.values())) == ([], [[1, 2]])


@pytest.mark.small
def test_a_sum_answered_otherwise_is_remembered_once_applied(pool, schools, member):
    content = build(schools, ["UAI", "CP", "CE1"], ((1, 2), (2, 1), (3, 1)))
    first = upload_and_parse(pool, content)
    first.choices, first.state = LayoutChoices(answers={"level_columns": "B+C"}), ImportState.UPLOADED
    first.save()
    tasks.read(import_id=first.pk)
    first.refresh_from_db()
    intake.remember_layout(first, by=member(), at=TERM)
    again = upload_and_parse(pool, content).layout
    assert (again.questions, list(again.sums.values())) == ([], [[1, 2]])


def test_another_reading_replaces_the_remembered_answer_once_it_is_applied(officer, pool, schools, member):
    content = build(schools)
    answer(officer, upload_and_parse(pool, content), answer_ambiguous_column="C")
    again = answer(officer, upload_and_parse(pool, content), answer_ambiguous_column="B", column_2="units")
    assert LAST_TIME.format(TITLES[2], "C", TITLES[1], "B") in upload_and_parse(pool, content).layout.remarks
    intake.remember_layout(again, by=member(), at=TERM)
    assert LAST_TIME.format(TITLES[1], "B", TITLES[2], "C") in upload_and_parse(pool, content).layout.remarks


@pytest.fixture
def doubted(pool, schools):
    """A file whose numbers are those of pupils."""
    return build(schools, ["UAI", "Licences", "Ville"], ((180, "Nîmes"), (200, "Nîmes"), (190, "Nîmes")))


def test_that_the_numbers_of_a_file_are_licences_is_asked_again_and_filled_in(officer, pool, doubted):
    first = upload_and_parse(pool, doubted)
    assert [question.code for question in first.layout.questions] == ["doubtful_numbers"]
    answer(officer, first, column_1="units", answer_doubtful_numbers="give-B")
    again = upload_and_parse(pool, doubted).layout
    assert [(question.code, question.likely) for question in again.questions] == [("doubtful_numbers", "give-B")]


def test_an_answer_about_a_title_is_remembered_and_not_one_about_numbers(officer, pool, schools):
    titles = ["UAI", "Licences supplémentaires", "Ville"]
    content = build(schools, titles, ((4, "Nîmes"), (5, "Nîmes"), (6, "Nîmes")))
    answer(officer, upload_and_parse(pool, content), column_1="units", answer_doubtful_numbers="add-B")
    again = upload_and_parse(pool, content).layout
    assert (again.questions, again.adds_units) == ([], True)
    assert any("Les ajouter à ce que l'école a déjà." in remark for remark in again.remarks)
    pupils = build(schools, titles, ((180, "Nîmes"), (200, "Nîmes"), (190, "Nîmes")))
    other = upload_and_parse(pool, pupils).layout
    assert [(question.code, question.likely) for question in other.questions] == [("doubtful_numbers", "add-B")]


def test_a_list_that_was_applied_says_nothing_of_the_numbers_of_the_next_one(pool, schools, doubted, member):
    plain = upload_and_parse(pool, build(schools, ["UAI", "Licences", "Ville"], ((4, "N"), (5, "N"), (6, "N"))))
    assert plain.layout.questions == []
    intake.remember_layout(plain, by=member(), at=TERM)
    assert [question.code for question in upload_and_parse(pool, doubted).layout.questions] == ["doubtful_numbers"]


def test_that_a_column_is_not_to_be_read_is_remembered_and_named(officer, pool, doubted):
    first = upload_and_parse(pool, doubted)
    [question] = first.layout.questions
    answer(officer, first, column_1="units", answer_doubtful_numbers="not-B")
    again = upload_and_parse(pool, doubted).layout
    remark = f"Comme la dernière fois : {question.message.partition(' ?')[0]} ? {question.options[1].label}."
    assert [one.code for one in again.questions] == ["units_source_missing"]
    assert remark in again.remarks


def test_an_answer_about_the_rows_of_a_file_is_filled_in_for_the_next_one(officer, pool, schools):
    rows = [[school.uai, number] for school in schools for number in (1, 2)]
    content = build_csv([["UAI", "Licences"], *rows])
    first = upload_and_parse(pool, content)
    assert [(question.code, question.likely) for question in first.layout.questions] == [("repeated_schools", "")]
    answer(officer, first, column_1="units", answer_repeated_schools="sum")
    again = upload_and_parse(pool, content).layout
    assert [(question.code, question.likely) for question in again.questions] == [("repeated_schools", "sum")]


def build_categories(*values, answer=""):
    options = tuple(AnswerOption(value, f"Statut (F) : {value[2:]} – 2 lignes") for value in values)
    question = LayoutQuestion("", "row_categories", "Lesquelles donner ?", options, multiple=True)
    return question.answered_by({"row_categories": answer})


def remember(pool, *questions, answers):
    layout = Layout(header_digest="d", titles=["UAI"], questions=questions)
    one = SpreadsheetImport(pool=pool, purpose="allocation", layout=layout)
    intake.remember_columns(one, {}, answers, by=None, at=TERM)
    return intake.load_remembered(one)["d"].answers


@pytest.mark.small
def test_values_that_a_file_lacks_stay_remembered_and_a_new_one_is_asked(pool):
    remember(pool, build_categories("F:oui", "F:non"), answers={"row_categories": "F:oui/F:non"})
    kept = remember(pool, build_categories("F:oui", "F:bis"), answers={"row_categories": "F:bis/F:oui"})
    assert not build_categories("F:oui", "F:non", "F:bis", answer=kept["row_categories"]).is_open
    assert build_categories("F:oui", "F:non", answer=kept["row_categories"]).taken == set()
    assert build_categories("F:oui", "F:neuf", answer=kept["row_categories"]).is_open


@pytest.mark.small
def test_a_question_that_a_file_does_not_ask_stays_answered_and_places_are_forgotten(pool):
    remember(pool, build_categories("F:oui"), answers={"row_categories": "F:oui/"})
    places = LayoutQuestion("", "duplicate_tables", "Lequel ?", (AnswerOption("0-1", "A"), AnswerOption("0-9", "B")))
    assert remember(pool, places, answers={"duplicate_tables": "0-9"}) == {"row_categories": "F:oui/"}


@pytest.mark.small
def test_what_is_done_as_the_last_time_is_named_by_column():
    states = build_categories("F:oui", "F:non")
    colour = AnswerOption("fill:red", "Lignes en rouge – 2 lignes")
    answers = {"row_categories": "F:oui/F:non,fill:red"}
    question = states._replace(options=(*states.options, colour)).answered_by(answers)
    remark = "Comme la dernière fois : Lesquelles donner ? Statut (F) : oui à oui ; non à non. Non à Lignes en rouge."
    assert describe_remembered([question], {}, answers, []) == [remark]
    assert describe_remembered([question], {}, {}, []) == []


def build_states(pool, schools, *states):
    rows = [[school.uai, 4, state] for school, state in zip(schools, states, strict=True)]
    return upload_and_parse(pool, build_csv([["UAI", "Licences", "Statut"], *rows]))


def test_which_values_of_a_column_count_is_remembered_until_a_new_one_comes_up(officer, pool):
    schools = SchoolFactory.create_batch(6)
    states = ("Validé", "Validé", "Validé", "Validé", "En attente", "Abandon")
    first = build_states(pool, schools, *states)
    assert [question.code for question in first.layout.questions] == ["row_categories"]
    answer(officer, first, column_1="units", answer_row_categories=["", "C:valide", "C:en-attente"])
    again = build_states(pool, schools, *states)
    assert (again.state, again.layout.questions) == (ImportState.CHECKED, [])
    assert any(remark.startswith("Comme la dernière fois : ") for remark in again.layout.remarks)
    assert list(ImportRow.objects.filter(import_id=again.pk, ticked=False).values_list("number", flat=True)) == [7]
    [question] = build_states(pool, schools, *states[:-1], "Suspendu").layout.questions
    assert question.taken >= {"C:valide", "C:en-attente"}
