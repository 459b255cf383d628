"""A school year ends on 31 August inclusive, in France."""

import datetime

import pytest

from licensing.catalogue.models import SchoolYear
from licensing.catalogue.operations import get_licence_product, get_school_year


@pytest.mark.parametrize(
    ("day", "last"),
    [
        (datetime.date(2026, 9, 1), datetime.date(2027, 8, 31)),
        (datetime.date(2026, 11, 24), datetime.date(2027, 8, 31)),
        (datetime.date(2027, 1, 1), datetime.date(2027, 8, 31)),
        (datetime.date(2027, 8, 31), datetime.date(2027, 8, 31)),
        (datetime.date(2027, 9, 1), datetime.date(2028, 8, 31)),
    ],
)
def test_the_school_year_of_a_day(db, day, last):
    year = get_school_year(day)
    assert year.ends_on == last
    assert year.starts_on == last.replace(year=last.year - 1, month=9, day=1)


def test_asking_twice_makes_one(db):
    assert get_school_year(datetime.date(2026, 9, 1)) == get_school_year(datetime.date(2027, 8, 31))
    assert SchoolYear.objects.count() == 1
    assert get_licence_product() == get_licence_product()
