"""Periods and deadlines by VAT regime: table 13 of the administration's external specifications."""

from datetime import date, timedelta
from itertools import pairwise

import pytest

from licensing.books.e_reporting.models import ReportingPeriod, ReportKind, list_periods
from licensing.catalogue.models import VatRegime


def list_one(kind, regime, *, since=date(2026, 9, 1), until=date(2026, 9, 30)):
    return list_periods(kind, regime, since=since, until=until)


def test_sales_of_the_monthly_regime_are_declared_by_ten_days():
    assert list_one(ReportKind.SALES, VatRegime.MONTHLY) == [
        ReportingPeriod(date(2026, 9, 1), date(2026, 9, 10), date(2026, 9, 20)),
        ReportingPeriod(date(2026, 9, 11), date(2026, 9, 20), date(2026, 9, 30)),
        ReportingPeriod(date(2026, 9, 21), date(2026, 9, 30), date(2026, 10, 10)),
    ]


@pytest.mark.parametrize(
    ("kind", "regime", "due_on"),
    [
        (ReportKind.PAYMENTS, VatRegime.MONTHLY, date(2026, 10, 10)),
        (ReportKind.SALES, VatRegime.QUARTERLY, date(2026, 10, 10)),
        (ReportKind.PAYMENTS, VatRegime.QUARTERLY, date(2026, 10, 10)),
        (ReportKind.SALES, VatRegime.SIMPLIFIED, date(2026, 10, 31)),
        (ReportKind.PAYMENTS, VatRegime.SIMPLIFIED, date(2026, 10, 31)),
    ],
)
def test_others_are_declared_by_month(kind, regime, due_on):
    assert list_one(kind, regime) == [ReportingPeriod(date(2026, 9, 1), date(2026, 9, 30), due_on)]


@pytest.mark.parametrize("kind", list(ReportKind))
def test_without_vat_two_months_of_the_year_are_declared_together(kind):
    """They begin in January, March, May, July, September and November, also where only the second is asked for."""
    expected = [ReportingPeriod(date(2026, 9, 1), date(2026, 10, 31), date(2026, 11, 30))]

    assert list_one(kind, VatRegime.EXEMPT) == expected
    assert list_one(kind, VatRegime.EXEMPT, since=date(2026, 10, 1), until=date(2026, 10, 31)) == expected


@pytest.mark.parametrize("regime", list(VatRegime))
@pytest.mark.parametrize("kind", list(ReportKind))
def test_periods_follow_each_other_without_a_gap_over_years(kind, regime):
    """Each begins the day after the one before, leap years included, and is due after its end."""
    found = list_periods(kind, regime, since=date(2027, 1, 1), until=date(2029, 12, 31))

    assert found[0].begins_on == date(2027, 1, 1)
    assert found[-1].ends_on == date(2029, 12, 31)
    for before, after in pairwise(found):
        assert after.begins_on == before.ends_on + timedelta(days=1)
    assert all(one.begins_on < one.ends_on < one.due_on for one in found)
