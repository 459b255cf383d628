"""A period is declared once, from the books; what changes later corrects it."""

import datetime
import random
from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from core.calendar import date_in_paris
from licensing.books.billing.models import Invoice, InvoiceKind
from licensing.books.billing.transmission import delivery
from licensing.books.billing.transmission.platforms import PlatformRefuses
from licensing.books.e_reporting import queries, reports
from licensing.books.e_reporting.models import PeriodReport, ReportKind
from licensing.catalogue.models import Seller, VatRegime
from licensing.payments.models import Payment
from tests.billing.transmission.scripted_platform import follow_script
from tests.conftest import TERM
from tests.database_roles import execute_as_administrator
from tests.factories.accounts import OperatorFactory
from tests.factories.orders import OrderFactory
from tests.orders import actions
from tests.orders.assertions import assert_refused
from tests.orders.dates import DAY

pytestmark = pytest.mark.django_db

#: The third decade and the month of TERM, and a moment when both are over.
DECADE, MONTH = datetime.date(2026, 11, 21), datetime.date(2026, 11, 1)
OVER = datetime.datetime(2026, 12, 2, 9, 0, tzinfo=datetime.UTC)


def sell(*, at=TERM, cooperative=True, **state):
    """Sell five classes for 199,00 € to a cooperative, a consumer; or to a town hall."""
    return OrderFactory(at=at, billing__cooperative=cooperative, **state)


def make(kind=ReportKind.SALES, begins_on=DECADE, *, at=OVER) -> PeriodReport:
    return reports.make_report(kind=kind, begins_on=begins_on, by=OperatorFactory(), at=at)


def get_statement(kind, begins_on, *, day=None):
    statements = queries.list_statements(day=day or date_in_paris(OVER))
    return next(one for one in statements if (one.kind, one.period.begins_on) == (kind, begins_on))


@pytest.mark.slow
def test_sales_to_consumers_are_declared_by_day_and_rate(seller):
    sell(confirmed=True)
    sell(confirmed=True)
    sell(confirmed=True, at=TERM + DAY)
    sell(confirmed=True, cooperative=False)

    report = make()

    assert report.content["days"] == [
        {"on": "2026-11-24", "category": "TPS1", "rates": [{"vat_rate": "20.00", "ht": "331.66", "vat": "66.34"}]},
        {"on": "2026-11-25", "category": "TPS1", "rates": [{"vat_rate": "20.00", "ht": "165.83", "vat": "33.17"}]},
    ]
    assert (report.total_ht, report.total_vat, report.total_ttc) == (Decimal("497.49"), Decimal("99.51"), 597)
    assert report.content["seller"]["siren"] == seller.siret[:9]


@pytest.mark.slow
def test_payments_are_declared_by_the_day_they_came_or_went_back(seller):
    order = sell(confirmed=True)
    payment = actions.pay(order, amount="100")
    actions.pay(order, amount="99", at=TERM + DAY, reference="VIR 2")
    actions.reverse(order, payment=payment, amount="40", at=TERM + 2 * DAY)
    # Of no consumer.
    actions.pay(sell(confirmed=True, cooperative=False))

    report = make(ReportKind.PAYMENTS, MONTH)

    assert [(day["on"], day["rates"]) for day in report.content["days"]] == [
        ("2026-11-24", [{"vat_rate": "20.00", "ttc": "100.00"}]),
        ("2026-11-25", [{"vat_rate": "20.00", "ttc": "99.00"}]),
        ("2026-11-26", [{"vat_rate": "20.00", "ttc": "-40.00"}]),
    ]
    assert (report.total_ht, report.total_vat, report.total_ttc) == (0, 0, 159)


@pytest.mark.slow
def test_a_period_is_declared_once_and_what_changes_corrects_it(seller):
    """A transfer of November that the statement of December shows is declared in a correction, with all the rest."""
    order = sell(confirmed=True)
    actions.pay(order, amount="100")
    first = make(ReportKind.PAYMENTS, MONTH)
    assert make(ReportKind.PAYMENTS, MONTH) == first
    actions.pay(order, amount="99", reference="VIR 2", at=OVER, received_on=datetime.date(2026, 11, 30))
    assert get_statement(ReportKind.PAYMENTS, MONTH).to_correct

    second = make(ReportKind.PAYMENTS, MONTH, at=OVER + DAY)

    assert (first.rank, second.rank) == (0, 1)
    assert [day["rates"][0]["ttc"] for day in second.content["days"]] == ["100.00", "99.00"]
    assert not get_statement(ReportKind.PAYMENTS, MONTH).to_correct
    # The first one stays as it was made.
    first.refresh_from_db()
    assert first.total_ttc == 100


@pytest.mark.slow
def test_what_cancels_out_on_a_day_is_not_declared(seller):
    actions.cancel(sell(confirmed=True))

    assert "Rien n'est à déclarer" in assert_refused("period_not_reportable", make)
    assert not get_statement(ReportKind.SALES, DECADE).to_declare


def test_a_period_that_is_not_over_or_not_the_seller_s_is_refused(seller):
    sell(confirmed=True)

    assert "La période finit le 30/11/2026" in assert_refused("period_not_reportable", make, at=TERM)
    for begins_on in (datetime.date(2026, 11, 22), datetime.date(2026, 8, 21)):
        assert "pas de votre régime" in assert_refused("period_not_reportable", make, begins_on=begins_on)


@pytest.mark.slow
def test_payments_are_not_declared_where_vat_is_due_on_invoice(seller):
    actions.pay(sell(confirmed=True))
    Seller.objects.update(vat_on_debits=True)

    assert_refused("period_not_reportable", make, ReportKind.PAYMENTS, MONTH)
    assert {one.kind for one in queries.list_statements(day=date_in_paris(OVER))} == {ReportKind.SALES}
    assert make().content["vat_on_debits"] is True


@pytest.mark.slow
def test_nothing_is_due_before_the_seller_reports(seller):
    sell(confirmed=True)
    Seller.objects.update(e_reporting_from=None)

    assert queries.list_statements(day=date_in_paris(OVER)) == []
    assert_refused("period_not_reportable", make)


@pytest.mark.slow
def test_a_period_waits_from_its_end_and_is_late_after_its_deadline(seller):
    """The third decade of November may be declared until 10 December."""
    sell(confirmed=True)
    states = {
        day: (one.waits, one.is_late)
        for day in (datetime.date(2026, 11, 30), datetime.date(2026, 12, 1), datetime.date(2026, 12, 11))
        for one in [get_statement(ReportKind.SALES, DECADE, day=day)]
    }
    assert list(states.values()) == [(False, False), (True, False), (True, True)]


@pytest.mark.slow
def test_another_regime_declares_no_day_twice(seller):
    """After decades were declared, the month that contains them is none of its periods; the next one is."""
    sell(confirmed=True)
    make()
    Seller.objects.update(vat_regime=VatRegime.QUARTERLY)
    sell(confirmed=True, at=TERM + 20 * DAY)

    periods = [one.period.begins_on for one in queries.list_statements(day=datetime.date(2027, 1, 5))]

    assert periods.count(MONTH) == 1  # of payments
    assert make(begins_on=datetime.date(2026, 12, 1), at=OVER + 40 * DAY).ends_on == datetime.date(2026, 12, 31)


@pytest.mark.slow
def test_the_database_refuses_a_day_in_two_reports_and_any_change(seller):
    sell(confirmed=True)
    report = make()
    values = {"content": {}, "counted": [], "made_at": OVER, "total_ht": 0, "total_vat": 0, "total_ttc": 0}
    with pytest.raises(IntegrityError, match="report_sales_once_a_day"), transaction.atomic():
        PeriodReport.objects.create(
            kind="sales", begins_on=MONTH, ends_on=datetime.date(2026, 11, 30), rank=0, **values
        )
    for act in (report.delete, report.save):
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            act()
    # Not even by the role that may.
    for statement in ("DELETE FROM e_reporting_periodreport", "UPDATE e_reporting_periodreport SET total_ht = 1"):
        with pytest.raises(DatabaseError, match="neither changed nor deleted"), transaction.atomic():
            execute_as_administrator(statement, with_triggers=True)


@pytest.mark.slow
def test_declared_totals_are_those_of_the_books_to_the_cent(seller):
    """Sales, cancellations, payments in parts and reversals at random over 40 days, at several rates."""
    chance = random.Random(20261124)  # noqa: S311 - a seed, not a secret
    for number in range(25):
        at = TERM - 30 * DAY + chance.randrange(40) * DAY
        places = {"billing__postal_code": chance.choice(["30000", "97200", "97300"])}
        order = sell(confirmed=True, at=at, **places)
        if chance.random() < 0.7:
            paid = Decimal(chance.randrange(1, 19900)) / 100
            payment = actions.pay(order, amount=paid, at=at, reference=f"VIR {number}")
            if chance.random() < 0.4:
                part = Decimal(chance.randint(1, int(paid * 100))) / 100
                actions.reverse(order, payment=payment, amount=part, at=at + DAY)
        if chance.random() < 0.3:
            actions.cancel(order, at=at + chance.randrange(5) * DAY)
    day = datetime.date(2027, 1, 15)
    for one in queries.list_statements(day=day):
        if one.to_declare:
            make(one.kind, one.period.begins_on, at=OVER + 44 * DAY)

    declared = PeriodReport.objects.latest_of_periods()
    sales = sum(one.total_ttc for one in declared.filter(kind=ReportKind.SALES))
    payments = sum(one.total_ttc for one in declared.filter(kind=ReportKind.PAYMENTS))
    signs = {InvoiceKind.INVOICE: 1, InvoiceKind.CREDIT_NOTE: -1}
    assert sales == sum(signs[InvoiceKind(one.kind)] * one.total_ttc for one in Invoice.objects.all())
    assert payments == sum(one.amount for one in Payment.objects.all())
    for report in declared:
        amounts = [Decimal(rate[name]) for day in report.content["days"] for rate in day["rates"] for name in
                   ({"ht", "vat", "ttc"} & rate.keys())]  # fmt: skip
        assert sum(amounts) == report.total_ttc
    assert not any(one.waits for one in queries.list_statements(day=day))


class TestSending:
    @pytest.fixture
    def script(self, settings):
        return follow_script(settings, "platform")

    def send(self, report):
        sending = reports.send_report(report_id=report.pk, by=OperatorFactory(), at=TERM)
        delivery.deliver_due()
        sending.refresh_from_db()
        return sending

    @pytest.mark.slow
    def test_a_report_is_sent_once(self, seller, script):
        sell(confirmed=True)
        report = make()

        assert self.send(report) == self.send(report)
        assert script.sent == ["sales-20261121-0-1"]

    @pytest.mark.slow
    def test_what_the_platform_refused_waits_and_is_sent_anew(self, seller, script):
        sell(confirmed=True)
        report = make()
        script.failures = [PlatformRefuses("Déclarant inconnu.")]
        assert self.send(report).message == "Déclarant inconnu."
        assert get_statement(ReportKind.SALES, DECADE).waits

        assert self.send(report).tracking_id == "sales-20261121-0-2"
        assert not get_statement(ReportKind.SALES, DECADE).waits

    @pytest.mark.slow
    def test_without_a_platform_nothing_is_sent(self, seller):
        sell(confirmed=True)

        assert_refused("platform_not_configured", reports.send_report, report_id=make().pk, by=None, at=OVER)
