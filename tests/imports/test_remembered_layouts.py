"""What a member decided about columns is remembered for the next file with the same titles, however it was decided."""

import pytest

from imports import tasks
from imports.enums import ImportState
from imports.layout import LayoutChoices
from imports.models import SpreadsheetImport
from imports.operations import intake
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


def test_another_answer_replaces_the_remembered_one(officer, pool, schools):
    content = build(schools)
    answer(officer, upload_and_parse(pool, content), answer_ambiguous_column="C")
    again = upload_and_parse(pool, content)
    answer(officer, again, answer_ambiguous_column="B", column_2="units")
    assert LAST_TIME.format(TITLES[1], "B", TITLES[2], "C") in upload_and_parse(pool, content).layout.remarks


def test_an_answer_about_the_numbers_of_a_file_is_asked_again(officer, pool, schools):
    content = build(schools, ["UAI", "Licences", "Ville"], ((180, "Nîmes"), (200, "Nîmes"), (190, "Nîmes")))
    first = upload_and_parse(pool, content)
    assert [question.code for question in first.layout.questions] == ["doubtful_numbers"]
    answer(officer, first, column_1="units", answer_doubtful_numbers="B")
    assert [question.code for question in upload_and_parse(pool, content).layout.questions] == ["doubtful_numbers"]
