"""Many schools added to the portfolio by one act, and that act undone."""

import datetime
from functools import partial

import pytest

from collectivities.models import AuditEntry, PortfolioSchool
from collectivities.operations import portfolio as additions
from collectivities.operations.portfolio import SchoolContact, lock_contacts, write_portfolio
from core.connections import connection
from schools.models import School
from tests.conftest import TERM
from tests.factories.collectivities import PortfolioSchoolFactory
from tests.factories.schools import SchoolFactory
from tests.races import run_concurrently, three_rounds
from tests.refusals import refuses

SOON = TERM + datetime.timedelta(minutes=59)
NOTHING = School.objects.none().values("uai")


def add(schools, at=TERM, by=None):
    return additions.add_schools(uais=[school.pk for school in schools], what="écoles publiques de Nîmes", by=by, at=at)


def undo(at=SOON, holding=NOTHING, added_at=TERM):
    return additions.undo_addition(added_at=added_at, holding=holding, by=None, at=at)


def test_an_addition_is_one_line_of_the_journal_and_leaves_present_schools_alone(nimes):
    schools = SchoolFactory.create_batch(3)
    PortfolioSchoolFactory(school=schools[0], contact_email="ici@exemple.example", added_at=SOON)
    assert set(add(schools)) == {school.pk for school in schools[1:]}
    assert PortfolioSchool.objects.get(school=schools[0]).contact_email == "ici@exemple.example"
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.summary) == (
        "portfolio.added_at_once",
        "Ajout au périmètre : 2\u00a0écoles publiques de Nîmes.",
    )
    assert add(schools) == []
    assert AuditEntry.objects.count() == 1


@pytest.mark.parametrize("count", [1, 40])
def test_an_addition_and_its_undo_take_a_constant_number_of_queries(nimes, count, django_assert_num_queries):
    schools = SchoolFactory.create_batch(count)
    with django_assert_num_queries(6):
        add(schools)
    with django_assert_num_queries(9):
        undo()


def test_undone_within_the_hour_once(nimes):
    schools = SchoolFactory.create_batch(2)
    earlier = PortfolioSchoolFactory(added_at=SOON)
    add(schools)
    (one,) = additions.list_undoable_additions(SOON)
    assert (one.added_at, one.schools) == (TERM, 2)
    assert set(undo().removed) == {school.pk for school in schools}
    assert list(PortfolioSchool.objects.all()) == [earlier]
    assert undo() == ([], 0)
    assert [entry.action for entry in AuditEntry.objects.order_by("pk")] == [
        "portfolio.added_at_once",
        "portfolio.addition_undone",
    ]
    assert additions.list_undoable_additions(SOON) == []


def test_after_the_hour_it_stays(nimes):
    add([SchoolFactory()])
    late = TERM + additions.UNDOABLE_FOR
    assert additions.list_undoable_additions(late) == []
    with refuses("addition_not_undoable", match="plus d'une heure"):
        undo(at=late)
    assert PortfolioSchool.objects.count() == 1


def test_schools_that_came_otherwise_at_that_moment_are_no_addition(nimes):
    PortfolioSchoolFactory(added_at=TERM)
    with refuses("addition_not_undoable"):
        undo()
    assert PortfolioSchool.objects.count() == 1


@pytest.mark.parametrize(
    "change", [{"contact_email": "a@b.example"}, {"contact_name": "A"}, {"contact_phone": "04"}, {"classes": 0}]
)
def test_schools_that_hold_something_stay(nimes, change):
    first, second, third = SchoolFactory.create_batch(3)
    add([first, second, third])
    PortfolioSchool.objects.filter(school=first).update(**change)
    undone = undo(holding=School.objects.filter(pk=second.pk).values("uai"))
    assert undone == ([third.pk], 2)
    assert set(PortfolioSchool.objects.values_list("school_id", flat=True)) == {first.pk, second.pk}


@pytest.mark.parametrize(
    ("added", "before", "typed"), [(600, 0, False), (600, 4, False), (2, 5, True), (3, 10, False), (4, 10, True)]
)
def test_the_number_is_typed_above_a_share_of_the_portfolio(added, before, typed):
    assert additions.must_type_number(added=added, before=before) is typed


def test_eight_additions_and_lists_of_the_same_schools_add_each_once(committing):
    schools = SchoolFactory.create_batch(30)
    contacts = {school.pk: SchoolContact(classes=4) for school in reversed(schools)}
    moments = [TERM + datetime.timedelta(seconds=n) for n in range(4)]
    results = run_concurrently(
        connection.schema_name,
        [
            *(partial(add, schools, at=moment) for moment in moments),
            *(partial(write_portfolio, entries=contacts, by=None, at=SOON) for _ in range(4)),
        ],
        expected_errors=(),
    )
    added = [uai for result in results for uai in (result if isinstance(result, list) else result.added)]
    assert sorted(added) == sorted(contacts)
    assert set(PortfolioSchool.objects.values_list("classes", flat=True)) == {4}


@three_rounds
def test_a_list_that_names_schools_while_their_addition_is_undone_keeps_them(committing, race_round):
    schools = SchoolFactory.create_batch(30)
    add(schools)
    contacts = {school.pk: SchoolContact(classes=4) for school in schools}
    run_concurrently(
        connection.schema_name,
        [undo, undo, partial(write_portfolio, entries=contacts, by=None, at=SOON), undo],
        expected_errors=(),
    )
    assert PortfolioSchool.objects.filter(classes=4).count() == 30


def test_a_school_that_leaves_between_two_statements_of_a_list_is_added_again(nimes, monkeypatch):
    school = PortfolioSchoolFactory(contact_name="Avant").school

    def remove_first(uais):
        PortfolioSchool.objects.filter(contact_name="Avant").delete()
        return lock_contacts(uais)

    monkeypatch.setattr("collectivities.operations.portfolio.lock_contacts", remove_first)
    assert write_portfolio(entries={school.pk: SchoolContact()}, by=None, at=TERM).added == [school.pk]
    assert PortfolioSchool.objects.filter(school=school).exists()


@pytest.mark.parametrize(
    "write",
    [
        lambda uais: write_portfolio(entries=dict.fromkeys(uais, SchoolContact()), by=None, at=TERM),
        lambda uais: additions.add_schools(uais=uais, what="écoles", by=None, at=TERM),
    ],
    ids=["list", "territory"],
)
def test_a_school_that_the_directory_does_not_know_is_not_written(nimes, write):
    uais = [SchoolFactory().pk, "0000000Z"]
    with refuses("unknown_school", match="« 0000000Z »"):
        write(uais)
    assert not PortfolioSchool.objects.exists()
