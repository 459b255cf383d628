"""What a document or a payment does to a client's accounts, and what settles what."""

from decimal import Decimal

import pytest

from licensing.books.accounting.journals import ClientAccount
from licensing.books.accounting.order_ledger import MovementKind, OrderMovement, replay_order
from tests.conftest import TERM
from tests.orders.dates import DAY

MAYOR, SCHOOL = ClientAccount("C1", "Mairie"), ClientAccount("C2", "École")


def movement(moment, kind, pk, amount, *about):
    return OrderMovement(moment.date(), moment, kind, pk, Decimal(amount), *about)


def replay(*steps):
    """Return the lines of each step: (account, client, amount, letter). A step a day: an amount, or a document."""
    movements = []
    for number, step in enumerate(steps, 1):
        moment = TERM + number * DAY
        if isinstance(step, tuple):
            amount, client = step
            movements.append(movement(moment, MovementKind.DOCUMENT, number, amount, f"P{number}", client))
        else:
            movements.append(movement(moment, MovementKind.PAYMENT, number, step))
    postings = replay_order(7, movements, buyer=MAYOR)
    return [
        [(line.account, line.client.number, int(line.amount), line.letter) for line in postings[one.kind, one.pk].lines]
        for one in movements
    ]


@pytest.mark.parametrize(
    ("steps", "last"),
    [
        # Paid in parts: lettered with the last one.
        ([(100, MAYOR), 60, 40], [("customers", "C1", -40, "7-1")]),
        # More than is owed.
        ([(100, MAYOR), 130], [("customers", "C1", -100, "7-1"), ("overpayments", "C1", -30, "")]),
        # What goes back is taken from the overpayment first, and what is missing is owed again.
        ([(100, MAYOR), 130, -130], [("overpayments", "C1", 30, "7-2"), ("customers", "C1", 100, "")]),
        # Paid, cancelled, refunded.
        ([(100, MAYOR), 100, (-100, MAYOR), -100], [("customers", "C1", 100, "7-2")]),
        # Paid although it was cancelled: nothing was owed.
        ([(100, MAYOR), (-100, MAYOR), 100], [("overpayments", "C1", -100, "")]),
        # A part of an invoice is credited, and what was paid of it goes back.
        ([(100, MAYOR), 100, (-30, MAYOR), -30], [("customers", "C1", 30, "7-2")]),
        # Paid before its invoice was written: the overpayment pays it.
        (
            [100, (100, MAYOR)],
            [("customers", "C1", 100, "7-2"), ("overpayments", "C1", 100, "7-1"), ("customers", "C1", -100, "7-2")],
        ),
        # Made anew for another payer: what the first has paid goes with it.
        (
            [(100, MAYOR), 120, (-100, MAYOR), (100, SCHOOL)],
            [
                ("customers", "C2", 100, "7-3"),
                ("customers", "C1", 100, "7-2"),
                ("customers", "C2", -100, "7-3"),
                ("overpayments", "C1", 20, "7-4"),
                ("overpayments", "C2", -20, ""),
            ],
        ),
    ],
)  # fmt: skip
def test_the_last_of_some_movements_is_written_as(steps, last):
    assert replay(*steps)[-1] == last


def test_a_line_is_lettered_by_what_settles_it_later():
    invoice, first, bounced, second = replay((100, MAYOR), 100, -100, 100)
    assert invoice == [("customers", "C1", 100, "7-1")]
    assert first == [("customers", "C1", -100, "7-1")]
    # Owed again, and settled once more.
    assert bounced == [("customers", "C1", 100, "7-2")]
    assert second == [("customers", "C1", -100, "7-2")]


def test_an_invoice_comes_before_the_payment_of_its_moment():
    payment = movement(TERM, MovementKind.PAYMENT, 1, 100)
    invoice = movement(TERM, MovementKind.DOCUMENT, 9, 100, "P9", SCHOOL)
    posting = replay_order(7, [payment, invoice], buyer=MAYOR)[MovementKind.PAYMENT, 1]
    assert [(line.account, line.client) for line in posting.lines] == [("customers", SCHOOL)]
    assert posting.invoice == "P9"
