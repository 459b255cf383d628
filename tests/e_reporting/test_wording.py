"""A period is named as it is spoken of: what both days have in common is stated once."""

import datetime
from decimal import Decimal

import pytest

from licensing.books.e_reporting.models import ReportingPeriod, ReportKind
from licensing.books.e_reporting.queries import PeriodStatement, describe_period


@pytest.mark.parametrize(
    ("begins_on", "ends_on", "expected"),
    [
        (datetime.date(2026, 9, 1), datetime.date(2026, 9, 10), "du 1er au 10 septembre 2026"),
        (datetime.date(2026, 9, 1), datetime.date(2026, 10, 31), "du 1er septembre au 31 octobre 2026"),
    ],
)
def test_a_period_is_named_by_its_days(begins_on, ends_on, expected):
    statement = PeriodStatement(
        kind=ReportKind.SALES,
        period=ReportingPeriod(begins_on, ends_on, ends_on),
        days=[],
        total=Decimal(0),
        report=None,
        transmission=None,
        day=ends_on,
    )

    assert describe_period(statement).replace("\xa0", " ") == f"Ventes aux particuliers {expected}"
