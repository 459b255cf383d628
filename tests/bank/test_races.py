"""Two people at the same statement: a line is booked once, a file stored once. Real threads, real commits."""

import hashlib
from decimal import Decimal

import pytest
from django_tenants.utils import schema_context

from core.exceptions import DomainError
from licensing.books.bank import operations
from licensing.books.bank.formats import parse_statements
from licensing.books.bank.matching import ChosenMatch, PaymentShare
from licensing.books.bank.models import BankStatement, LinePayment, LineState, StatementLine
from licensing.payments.models import Payment
from tests import races
from tests.bank.actions import AFTERWARDS, book, choose, receive
from tests.bank.assertions import list_bank_violations
from tests.bank.statement_files import FileLine, StatementFile, write_camt
from tests.factories.accounts import OperatorFactory
from tests.factories.orders import OrderFactory
from tests.factories.shop import get_seller
from tests.orders import actions
from tests.orders.assertions import list_violations

pytestmark = pytest.mark.slow


def at_once(*calls):
    return races.run_concurrently("public", calls, expected_errors=DomainError)


@pytest.fixture
def public(committing):
    with schema_context("public"):
        yield


def assert_sound():
    assert list_bank_violations() == []
    assert list_violations() == set()


@pytest.mark.parametrize(("lines", "operators"), [(1, 2), pytest.param(4, 4, marks=pytest.mark.slow)])
def test_operators_confirm_the_same_line_at_once_and_it_is_booked_once(public, lines, operators):
    """Each on another order, so that no idempotence of payments hides a second booking."""
    by = OperatorFactory()
    for rank in range(lines):
        [line] = receive(FileLine("199.00", f"VIR {rank}"))
        choices = [choose(OrderFactory(confirmed=True)) for _ in range(operators)]
        outcomes = at_once(*(lambda chosen=chosen, line=line: book(line, chosen, by=by) for chosen in choices))
        assert sum(isinstance(one, StatementLine) for one in outcomes) == 1
        assert {one.code for one in outcomes if isinstance(one, DomainError)} == {"line_not_waiting"}
        assert LinePayment.objects.filter(line=line).count() == 1
    assert Payment.objects.count() == lines
    assert_sound()


def test_booking_against_setting_aside_and_taking_back(public):
    by, order = OperatorFactory(), OrderFactory(confirmed=True)
    [line] = receive(FileLine("199.00"))
    named = {"line_id": line.pk, "by": by, "at": AFTERWARDS}
    at_once(
        lambda: book(line, choose(order), by=by),
        lambda: operations.set_line_aside(reason="Intérêts", **named),
        lambda: operations.take_line_back(**named),
        lambda: book(line, choose(order), by=by),
    )
    assert_sound()


def test_lines_of_the_same_orders_do_not_wait_for_each_other_in_a_circle(public):
    by = OperatorFactory()
    one, other = OrderFactory(confirmed=True), OrderFactory(confirmed=True)
    lines = receive(FileLine("20.00"), FileLine("20.00", "VIR 2"))

    def pay(line, first, second, due):
        shares = tuple(PaymentShare(order.pk, Decimal(10), due) for order in (first, second))
        return book(line, ChosenMatch(shares=shares), by=by)

    outcomes = at_once(
        lambda: pay(lines[0], one, other, one.total_ttc), lambda: pay(lines[1], other, one, one.total_ttc)
    )
    assert [type(outcome) for outcome in outcomes] == [StatementLine, StatementLine]
    assert set(StatementLine.objects.values_list("state", flat=True)) == {LineState.BOOKED}
    assert_sound()


def test_a_payment_found_on_two_lines_at_once_is_on_one(public):
    by, payment = OperatorFactory(), actions.pay(OrderFactory(confirmed=True))
    lines = receive(FileLine("199.00"), FileLine("199.00", "VIR 2"))
    found = ChosenMatch(payment_ids=(payment.pk,))
    outcomes = at_once(*(lambda line=line: book(line, found, by=by) for line in lines))
    assert sum(isinstance(outcome, StatementLine) for outcome in outcomes) == 1
    assert_sound()


def test_a_payment_that_is_reversed_while_it_is_found_stays_sound(public):
    by, order = OperatorFactory(), OrderFactory(confirmed=True)
    payment = actions.pay(order)
    [line] = receive(FileLine("199.00"))
    at_once(
        lambda: book(line, ChosenMatch(payment_ids=(payment.pk,)), by=by),
        lambda: actions.reverse(order, payment=payment, reason="mistake"),
    )
    assert_sound()


@pytest.mark.small
def test_the_same_file_uploaded_twice_at_once_is_stored_once(public):
    get_seller()
    by = OperatorFactory()
    content = write_camt(StatementFile(tuple(FileLine(f"{rank}.00", "VIR") for rank in range(1, 60))))
    name, statements = parse_statements(content)
    sha256 = hashlib.sha256(content).hexdigest()
    reports = at_once(
        *(
            lambda: operations.store_statements(
                name=name, statements=statements, filename="a", sha256=sha256, by=by, at=AFTERWARDS
            )
            for _ in range(4)
        )
    )
    assert sorted(report.stored for report in reports) == [0, 0, 0, 59]
    assert (BankStatement.objects.count(), StatementLine.objects.count()) == (1, 59)
