"""Two operators who declare a period at the same moment declare it once: real threads, real commits."""

import datetime

import pytest
from django_tenants.utils import schema_context

from core.exceptions import DomainError
from licensing.books.billing.transmission.models import Transmission
from licensing.books.e_reporting import reports
from licensing.books.e_reporting.models import PeriodReport
from licensing.catalogue.models import Seller
from tests import races
from tests.billing.transmission.scripted_platform import PATH, Script
from tests.factories.orders import OrderFactory
from tests.orders import actions

MONTH = datetime.date(2026, 11, 1)
OVER = datetime.datetime(2026, 12, 2, 9, 0, tzinfo=datetime.UTC)


@pytest.fixture
def order(committing):
    with schema_context("public"):
        order = OrderFactory(confirmed=True, billing__cooperative=True)
        actions.pay(order, amount="100")
        Seller.objects.update(e_reporting_from=datetime.date(2026, 9, 1))
        yield order


def make():
    return reports.make_report(kind="payments", begins_on=MONTH, by=None, at=OVER)


def at_once(*calls):
    return races.run_concurrently("public", calls, expected_errors=DomainError)


@pytest.mark.slow
def test_a_period_declared_by_several_at_once_is_declared_once(order):
    made = at_once(*[make] * 6)

    assert len({report.pk for report in made}) == 1
    assert PeriodReport.objects.count() == 1
    actions.pay(order, amount="99", reference="VIR 2", at=OVER, received_on=datetime.date(2026, 11, 30))
    assert {report.rank for report in at_once(*[make] * 6)} == {1}


def test_a_report_sent_by_several_at_once_is_sent_once(order, settings):
    settings.INVOICE_PLATFORMS = {"platform": (PATH, Script())}
    report = make()

    sendings = at_once(*[lambda: reports.send_report(report_id=report.pk, by=None, at=OVER)] * 6)

    assert {one.pk for one in sendings} == set(Transmission.objects.values_list("pk", flat=True))
    assert len({one.pk for one in sendings}) == 1
