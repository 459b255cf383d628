"""Numbers that are added to the licences of a school: 4 + 6 = 10, once, and 4 again when undone."""

import datetime

import pytest

from imports import tasks
from imports.enums import ImportState, Verdict
from imports.models import ImportRow
from imports.operations import intake, row_edits, undo_import
from licensing.pools.models import Allocation
from licensing.pools.operations import allocate
from tests.conftest import TERM
from tests.factories.schools import SchoolFactory
from tests.imports.actions import confirm_and_apply, upload_and_parse
from tests.imports.sample_files import schools_csv

pytestmark = pytest.mark.slow

TITLES = ("UAI", "Licences supplémentaires")
ANSWER = "add-B"


@pytest.fixture
def school(pool):
    school = SchoolFactory()
    allocate(pool_id=pool.pk, uai=school.uai, units=4, recipient="a@b.fr", by=None, at=TERM)
    return school


def answer(one, value=ANSWER):
    intake.choose_layout(
        import_id=one.pk, sheets=None, header_row=None, columns={}, answers={"doubtful_numbers": value},
        units_for_all=None, by=None, at=TERM,
    )  # fmt: skip
    tasks.read(import_id=one.pk)
    one.refresh_from_db()
    return one


def upload(pool, *rows):
    return answer(upload_and_parse(pool, schools_csv(*rows, titles=TITLES)))


def read_row(one, number=2):
    return ImportRow.objects.get(import_id=one.pk, number=number)


def count_held(school):
    return Allocation.objects.active().get(school_id=school.uai).units


def test_supplementary_licences_are_asked_about_and_added(pool, school):
    asked = upload_and_parse(pool, schools_csv((school, 6), titles=TITLES))
    assert (asked.state, [one.likely for one in asked.layout.questions]) == (ImportState.READ, [ANSWER])
    added = answer(asked)
    row = read_row(added)
    assert (row.units_before, row.units, row.verdict, row.ticked) == (4, 10, Verdict.CHANGED, True)
    assert [problem["message"].partition(" :")[0] for problem in row.problems] == ["4 + 6 = 10"]
    confirm_and_apply(added)
    assert count_held(school) == 10
    undo_import.undo(import_id=added.pk, by=None, at=TERM + datetime.timedelta(hours=1))
    assert count_held(school) == 4


def test_a_school_without_licences_gets_the_number(pool):
    school = SchoolFactory()
    row = read_row(upload(pool, (school, 6)))
    assert (row.units, row.verdict, row.codes) == (6, Verdict.NEW, [])


def test_a_number_that_was_added_before_is_not_added_again_in_silence(pool, school):
    confirm_and_apply(upload(pool, (school, 6)))
    again = read_row(upload(pool, (school, 6)))
    assert (again.units, again.codes, again.ticked) == (16, ["already_added", "added_units"], False)
    assert again.problems[0]["message"].replace("\u00a0", " ").startswith("Déjà ajouté le 24 novembre 2026, ")
    other = read_row(upload(pool, (school, 5)))
    assert (other.units, other.codes, other.ticked) == (15, ["added_units"], True)


def test_two_imports_of_one_list_are_not_both_applied(pool, school):
    first, second = upload(pool, (school, 6)), upload(pool, (school, 6))
    confirm_and_apply(first)
    with pytest.raises(AssertionError, match="La situation a changé"):
        confirm_and_apply(second)
    row = read_row(second)
    assert (row.units, row.ticked, count_held(school)) == (16, False, 10)


def test_what_an_undone_import_added_may_be_added_again(pool, school):
    first = confirm_and_apply(upload(pool, (school, 6)))
    undo_import.undo(import_id=first.pk, by=None, at=TERM + datetime.timedelta(hours=1))
    row = read_row(upload(pool, (school, 6)))
    assert (row.units, row.codes, row.ticked) == (10, ["added_units"], True)


def test_a_typed_number_is_what_the_school_must_have(pool, school):
    one = upload(pool, (school, 6))
    row_edits.amend_row(import_id=one.pk, number=2, by=None, at=TERM, edits={"units": "7"})
    assert (read_row(one).units, read_row(one).codes) == (7, [])


def test_the_answer_is_remembered_with_the_titles(pool, school, member):
    one = upload(pool, (school, 6))
    intake.remember_layout(one, by=member(), at=TERM)
    again = upload_and_parse(pool, schools_csv((school, 3), titles=TITLES))
    assert (again.state, read_row(again).units) == (ImportState.CHECKED, 7)
    assert again.layout.remarks[0].endswith("Les ajouter à ce que l'école a déjà.")
