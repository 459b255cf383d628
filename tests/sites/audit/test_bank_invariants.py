"""`manage.py audit` detects each breach of the rule on bank statements, and nothing after ordinary ones."""

import pytest
from django.db import connection

from licensing.books.bank import operations
from licensing.books.bank.matching import ChosenMatch
from tests.bank.actions import AFTERWARDS, book, choose, receive
from tests.bank.assertions import list_bank_violations
from tests.bank.statement_files import FileLine
from tests.database_roles import execute_as_administrator
from tests.factories.accounts import OperatorFactory
from tests.factories.orders import OrderFactory
from tests.orders import actions
from tests.tiers import sampled


@pytest.fixture
def read(db):
    """Lines in every state: booked, in part with the rest set aside, set aside, found, reversed, waiting; a debit."""
    names = ["REMISE", "VIR", "INTERETS", "VIR TROUVE", "VIR REPRIS", "A VOIR"]
    lines = receive(*(FileLine("199.00", name) for name in names), FileLine("-199", "IMPAYE"), FileLine("-5", "FRAIS"))
    first, rest, interest, found, mistaken, _, debit, _ = lines
    order = OrderFactory(confirmed=True)
    book(first, choose(order))
    payment = order.payments.get()
    book(rest, choose(OrderFactory(confirmed=True, classes=1)), rest_reason="Autre vente")
    operations.set_line_aside(line_id=interest.pk, reason="Intérêts", by=OperatorFactory(), at=AFTERWARDS)
    recorded = actions.pay(OrderFactory(confirmed=True))
    book(found, ChosenMatch(payment_ids=(recorded.pk,)))
    wrong = OrderFactory(confirmed=True)
    book(mistaken, choose(wrong))
    actions.reverse(wrong, reason="mistake")
    operations.take_line_back(line_id=mistaken.pk, by=OperatorFactory(), at=AFTERWARDS)
    book(debit, ChosenMatch(reversed_id=payment.pk))


_LINES = "UPDATE public.bank_statementline SET "
_PAYMENTS = "UPDATE public.payments_payment SET "
BREACHES = [
    _LINES + "booked_amount = 100, set_aside_amount = 99, reason = 'x' WHERE label = 'REMISE'",
    _LINES + "state = 'waiting', booked_amount = 0 WHERE label = 'REMISE'",
    "DELETE FROM public.bank_linepayment WHERE line_id = (SELECT min(line_id) FROM public.bank_linepayment)",
    "UPDATE public.bank_linepayment SET order_id = order_id + 1 WHERE was_recorded",
    "UPDATE public.bank_linepayment SET line_id = line_id + 1 WHERE NOT was_recorded",
    _PAYMENTS + "received_on = received_on + 1 WHERE reference LIKE 'REMISE%' AND amount > 0",
    _PAYMENTS + "amount = amount - 1 WHERE reference LIKE 'VIR –%'",
    "DELETE FROM public.payments_payment WHERE reversal_reason = 'mistake'",
]


@pytest.mark.slow
def test_statements_are_sound(read):
    assert list_bank_violations() == []


@pytest.mark.parametrize("breach", sampled(BREACHES, fast=1))
def test_each_breach_is_detected(read, breach):
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SAVEPOINT before")
        try:
            assert execute_as_administrator(breach) > 0
            assert list_bank_violations() != []
        finally:
            cursor.execute("ROLLBACK TO SAVEPOINT before")
