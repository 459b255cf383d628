"""`manage.py audit` finds a report that says something else than the books (rule 41)."""

import datetime

import pytest

from licensing.books.e_reporting import reports
from licensing.books.e_reporting.models import PeriodReport, ReportKind
from sites.audit.sales_checks import find_report_violations
from tests.database_roles import execute_as_administrator
from tests.factories.orders import OrderFactory
from tests.orders import actions
from tests.orders.dates import DAY
from tests.tiers import sampled

pytestmark = pytest.mark.django_db

MONTH = datetime.date(2026, 11, 1)
OVER = datetime.datetime(2026, 12, 2, 9, 0, tzinfo=datetime.UTC)


#: Empties a report, whose totals are then those of nothing.
_EMPTY = (
    "UPDATE e_reporting_periodreport SET counted = '[]', content = jsonb_set(content, '{{days}}', '[]'), total_ht = 0,"
    " total_vat = 0, total_ttc = 0 WHERE {}"
)


@pytest.fixture
def declared(seller):
    """Sales and a payment of November, declared; another payment of November corrects them, one went back later."""
    order = OrderFactory(confirmed=True, billing__cooperative=True)
    OrderFactory(confirmed=True, billing__cooperative=True)
    payment = actions.pay(order, amount="100")
    make(ReportKind.SALES, datetime.date(2026, 11, 21))
    make(ReportKind.PAYMENTS, MONTH)
    actions.pay(order, amount="99", reference="VIR 2", at=OVER, received_on=datetime.date(2026, 11, 30))
    actions.reverse(order, payment=payment, at=OVER)
    make(ReportKind.PAYMENTS, MONTH, at=OVER + DAY)


def make(kind, begins_on, *, at=OVER):
    return reports.make_report(kind=kind, begins_on=begins_on, by=None, at=at)


@pytest.mark.slow
def test_reports_and_their_corrections_are_sound(declared):
    assert PeriodReport.objects.count() == 3
    assert list(find_report_violations()) == []


@pytest.mark.parametrize(
    ("statement", "found"),
    sampled(
        [
            (
                "UPDATE e_reporting_periodreport SET total_ttc = 1 WHERE rank = 1",
                "1.00 € déclarés, 199.00 € aux livres",
            ),
            ("UPDATE e_reporting_periodreport SET content = jsonb_set(content, '{days}', '[]')", "aux livres"),
            (_EMPTY.format("kind = 'sales'"), "ne compte pas la facture ou l'avoir P2026-000001, la"),
            (_EMPTY.format("rank = 1"), "ne compte pas le règlement n° "),
            (
                "UPDATE e_reporting_periodreport SET rank = 7 WHERE rank = 1",
                "rectifie une déclaration qui n'existe pas",
            ),
            (
                "UPDATE e_reporting_periodreport SET begins_on = '2026-11-25' WHERE kind = 'sales'",
                "compte une pièce d'un autre jour",
            ),
            ("UPDATE payments_payment SET amount = 101 WHERE amount = 100", "100.00 € déclarés, 101.00 € aux livres"),
        ],
        fast=1,
    ),
)
def test_a_report_that_differs_from_the_books_is_found(declared, statement, found):
    execute_as_administrator(statement)

    assert found in "\n".join(find_report_violations()).replace("\xa0", " ").replace("\u202f", " ")
