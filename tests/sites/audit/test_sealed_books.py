"""Invoices and payments are sealed; nothing of the books is changed, deleted or emptied, whoever asks."""

import pytest
from django.db import DatabaseError, connection, transaction

from licensing.books.billing.models import SEALED_INVOICES
from licensing.orders.models import OrderLine
from licensing.payments.models import SEALED_PAYMENTS, Payment
from sites.audit.checks import check_all
from tests.conftest import TERM
from tests.database_roles import execute_as_administrator
from tests.factories.orders import OrderFactory
from tests.orders import actions

pytestmark = pytest.mark.django_db


@pytest.fixture
def sold():
    """A paid order, part of whose payment bounced, with its quote; sealed."""
    order = OrderFactory(quoted=True)
    actions.place(order)
    actions.confirm(order)
    actions.pay(order)
    actions.reverse(order, amount="9")
    assert (SEALED_INVOICES.seal_new_entries(at=TERM), SEALED_PAYMENTS.seal_new_entries(at=TERM)) == (1, 2)
    return order


def list_tampering():
    [finding] = [finding for finding in check_all() if finding.code == "books"]
    return finding.examples


@pytest.mark.slow
def test_books_as_they_were_written_are_sound(sold):
    assert list_tampering() == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE payments_payment SET reference = 'VIR 2' WHERE amount > 0", "règlements"),
        ("UPDATE payments_payment SET explanation = 'x' WHERE amount < 0", "règlements"),
        ("DELETE FROM payments_payment WHERE amount < 0", "règlements"),
        ("UPDATE payments_paymentseal SET hash = 'x'", "règlements"),
        ("UPDATE billing_invoice SET due_on = due_on + 1", "factures"),
        ("UPDATE billing_invoice SET xml = xml || ' '", "factures"),
        ("UPDATE billing_invoice SET snapshot = '{}'", "factures"),
        ("DELETE FROM billing_invoiceseal", None),
    ],
)
def test_the_audit_names_what_was_changed(sold, statement, found):
    assert execute_as_administrator(statement) == 1
    assert [one.partition(" :")[0] for one in list_tampering()] == ([found] if found else [])


@pytest.mark.slow
@pytest.mark.parametrize(
    "statement",
    [
        *(
            statement.format(table)
            for table in (
                "payments_payment",
                "payments_paymentseal",
                "billing_invoice",
                "billing_invoiceseal",
                "billing_invoicesequence",
                "orders_orderline",
            )
            for statement in ("DELETE FROM {}", "TRUNCATE {} CASCADE")
        ),
        "TRUNCATE billing_billingdocument CASCADE",
        "UPDATE payments_payment SET reference = 'VIR 2'",
        "UPDATE orders_orderline SET quantity = quantity + 1",
        "UPDATE orders_orderline SET vat_rate = 0",
        "UPDATE billing_invoicesequence SET last = last - 1",
        "UPDATE billing_invoicesequence SET last = last + 2",
        "UPDATE billing_invoicesequence SET last = last + 1, last_on = last_on - 1",
    ],
)
def test_nothing_of_the_books_is_changed_even_by_a_superuser(sold, statement):
    refusal = "neither changed nor deleted|not emptied|only go forward|keeps its entitlement"
    # What foreign keys still check would refuse TRUNCATE before the triggers do.
    execute_as_administrator("SET CONSTRAINTS ALL IMMEDIATE")
    with pytest.raises(DatabaseError, match=refusal), transaction.atomic():
        execute_as_administrator(statement, with_triggers=True)


@pytest.mark.slow
@pytest.mark.parametrize("statement", ["UPDATE payments_payment SET amount = 1", "TRUNCATE orders_orderline CASCADE"])
def test_the_application_may_not_even_try(sold, statement):
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_lines_of_a_draft_change_and_the_vat_of_a_placed_order_until_its_invoice():
    draft, placed = OrderFactory(), OrderFactory(placed=True)
    draft.lines.update(description="Autre chose")
    placed.lines.update(vat_rate="8.50")
    for change in ({"quantity": 7}, {"description": "Autre chose"}):
        with pytest.raises(DatabaseError, match="is placed"), transaction.atomic():
            placed.lines.update(**change)
    draft.lines.all().delete()
    assert OrderLine.objects.count() == 1


@pytest.mark.slow
def test_the_database_takes_back_no_more_than_what_is_left(sold):
    payment = sold.payments.get(amount__gt=0)
    with pytest.raises(DatabaseError, match="less left"), transaction.atomic():
        Payment.objects.create(
            order=sold,
            kind="refunded",
            method="transfer",
            amount=-200,
            received_on=TERM.date(),
            refunds=payment,
            recorded_at=TERM,
        )
