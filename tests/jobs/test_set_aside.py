"""Batches of which one item is refused: the others are taken in, and the operator is told once."""

import psycopg
import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from django_tenants.utils import schema_context
from procrastinate.exceptions import ConnectorException

from jobs.models import SetAsideItem
from jobs.set_aside import note_set_aside, take_each
from schools.models import HolidayZone, SchoolHoliday
from tests.conftest import TERM


@pytest.fixture
def calls():
    return []


@pytest.fixture
def store(calls):
    """Stores holidays by their names; a name that is too long is refused by the database."""

    def take(names):
        calls.append(len(names))
        for name in names:
            SchoolHoliday.objects.create(
                zone=HolidayZone.A,
                name=name,
                first_day=TERM.date(),
                last_day=TERM.date().replace(year=2030 + len(name)),
            )

    return take


@pytest.mark.django_db
def test_the_items_beside_one_that_is_refused_are_taken_in(store, calls):
    names = ["x" * length for length in range(1, 32)]
    names[20] = "x" * 121
    refused = take_each(names, store)
    assert [(one.item, type(one.error).__name__) for one in refused] == [("x" * 121, "DataError")]
    assert SchoolHoliday.objects.count() == 30
    # Halved, and not one by one.
    assert len(calls) < 12


@pytest.mark.django_db
def test_a_batch_without_fault_is_taken_in_at_once(store, calls):
    assert take_each(["a", "bb", "ccc"], store) == []
    assert calls == [3]
    assert take_each([], store) == []


@pytest.mark.django_db
@pytest.mark.parametrize("error", [OperationalError, psycopg.errors.QueryCanceled])
def test_a_lost_connection_is_no_fault_of_an_item(error):
    def lose(_items):
        raise error

    with pytest.raises(error):
        take_each([1, 2], lose)


@pytest.mark.django_db
def test_a_job_that_a_busy_database_does_not_queue_is_no_fault_of_an_item():
    def queue(_items):
        try:
            raise psycopg.errors.LockNotAvailable
        except psycopg.Error as error:
            raise ConnectorException from error

    with pytest.raises(ConnectorException):
        take_each([1, 2], queue)


def test_the_schema_is_the_same_after_an_item_that_is_refused(committing, nimes):
    found = []

    def look(items):
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_schema()")
            found.append(cursor.fetchone()[0])
        if 2 in items:
            raise ValueError

    with schema_context("c_nimes"):
        assert [one.item for one in take_each([1, 2, 3], look)] == [2]
    assert set(found) == {"c_nimes"}


@pytest.mark.django_db
def test_an_item_is_noted_once_however_often_it_comes():
    for _ in range(2):
        note_set_aside(source="Banque", reference="a\0" + "é" * 300, reason="Illisible.", at=timezone.now())
    [item] = SetAsideItem.objects.all()
    assert (item.reference[:4], len(item.reference), item.seen_at) == ("a éé", 200, None)
