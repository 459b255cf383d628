"""One reminder a week to a school, whoever writes: claimed once, in public."""

import datetime
from functools import partial

import pytest
from django.db import IntegrityError, transaction
from django_tenants.utils import schema_context

from schools import calendar
from schools.models import WrittenWeek
from tests.conftest import TERM
from tests.factories.schools import SchoolFactory
from tests.races import run_concurrently

WEEK = datetime.timedelta(days=7)


def test_a_week_is_claimed_once_whoever_asks(nimes):
    school = SchoolFactory()
    assert calendar.claim_weeks([school.uai], at=TERM)
    with schema_context("c_gard"):
        assert not calendar.claim_weeks([school.uai], at=TERM + datetime.timedelta(days=5))
        assert calendar.claim_weeks([school.uai], at=TERM + WEEK)
    assert list(WrittenWeek.objects.order_by("week").values_list("schema", "week")) == [
        ("c_nimes", datetime.date(2026, 11, 23)),
        ("c_gard", datetime.date(2026, 11, 30)),
    ]
    assert calendar.find_written([school.uai], at=TERM) == {school.uai: TERM}


def test_a_week_ends_on_sunday_night_in_paris(nimes):
    school = SchoolFactory()
    sunday = datetime.datetime(2026, 11, 29, 22, 30, tzinfo=datetime.UTC)
    assert calendar.claim_weeks([school.uai], at=sunday)
    assert calendar.claim_weeks([school.uai], at=sunday + datetime.timedelta(hours=1))


def test_the_database_refuses_a_second_claim_and_a_week_that_begins_on_tuesday(nimes):
    school = SchoolFactory()
    fields = {"school_id": school.uai, "schema": "nimes", "written_at": TERM}
    WrittenWeek.objects.create(week=datetime.date(2026, 11, 23), **fields)
    for week in (datetime.date(2026, 11, 23), datetime.date(2026, 11, 24)):
        with pytest.raises(IntegrityError), transaction.atomic():
            WrittenWeek.objects.create(week=week, **fields)


@pytest.mark.slow
def test_sixteen_writers_in_two_collectivities_claim_the_same_schools_once(committing):
    uais = [school.uai for school in SchoolFactory.create_batch(30)]

    def claim(schema, order):
        with schema_context(schema), transaction.atomic():
            return calendar.claim_weeks(order, at=TERM)

    writers = [partial(claim, schema, order) for schema in ("c_nimes", "c_gard") for order in (uais, uais[::-1])] * 4
    claimed = run_concurrently("public", writers, expected_errors=())
    assert sorted(uai for part in claimed for uai in part) == sorted(uais)
