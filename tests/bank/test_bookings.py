"""What a person decides of a line: payments, set aside, taken back; once each, and never more than the line."""

from dataclasses import replace
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from licensing.books.bank import operations
from licensing.books.bank.matching import ChosenMatch, PaymentShare
from licensing.books.bank.models import LinePayment, LineState, StatementLine
from licensing.orders.models import OrderState
from licensing.payments.models import Payment
from tests.bank.actions import AFTERWARDS, book, choose, propose, receive
from tests.bank.statement_files import FileLine
from tests.factories.accounts import OperatorFactory
from tests.factories.orders import OrderFactory
from tests.orders import actions
from tests.orders.assertions import assert_refused, list_email_kinds

pytestmark = pytest.mark.django_db


@pytest.fixture
def sold():
    return OrderFactory(confirmed=True)


def line_of(amount="199.00", label="VIR SEPA RECU", **fields):
    [line] = receive(FileLine(amount, label, **fields))
    return line


def share(order, amount, due="199.00"):
    return PaymentShare(order.pk, Decimal(amount), Decimal(due))


def set_aside(line, reason="Intérêts"):
    return operations.set_line_aside(line_id=line.pk, reason=reason, by=OperatorFactory(), at=AFTERWARDS)


def take_back(line):
    return operations.take_line_back(line_id=line.pk, by=OperatorFactory(), at=AFTERWARDS)


@pytest.mark.slow
def test_a_booked_line_is_a_payment_of_its_day_and_the_order_is_paid(sold):
    line = book(line_of(label="VIR MAIRIE"), choose(sold))
    payment = sold.payments.get()
    assert (payment.amount, payment.received_on, payment.method) == (sold.total_ttc, line.booked_on, "transfer")
    assert payment.reference == f"VIR MAIRIE – ligne de relevé n° {line.pk}"
    sold.refresh_from_db()
    assert (sold.state, line.state, line.open_amount) == (OrderState.PAID, LineState.BOOKED, 0)
    assert list_email_kinds(sold)[-1] == "paid"


@pytest.mark.slow
def test_a_line_pays_several_orders_in_one_transaction(sold):
    other = OrderFactory(confirmed=True, classes=1)
    chosen = ChosenMatch(shares=(share(sold, "199.00"), share(other, "49.00", "49.00")))
    line = book(line_of("248.00", "REMISE CHEQUES"), chosen)
    assert sorted(Payment.objects.values_list("order", "amount", "method")) == [
        (sold.pk, Decimal(199), "cheque"), (other.pk, Decimal(49), "cheque")
    ]  # fmt: skip
    # One that fails undoes the other.
    third, unopened = OrderFactory(confirmed=True), OrderFactory(in_review=True)
    chosen = ChosenMatch(shares=(share(third, "199.00"), share(unopened, "199.00")))
    assert "Ouvrez d'abord ses droits" in assert_refused("not_in_this_state", book, line_of("398.00"), chosen)
    assert not third.payments.exists()
    assert line.state == LineState.BOOKED


@pytest.mark.slow
def test_a_line_is_booked_once(sold):
    line = line_of()
    book(line, choose(sold))
    second = ChosenMatch(shares=(share(sold, "199.00", "0.00"),))
    assert "enregistrée depuis le" in assert_refused("line_not_waiting", book, line, second)
    assert sold.payments.count() == 1


@pytest.mark.slow
def test_two_lines_that_the_bank_writes_alike_are_two_payments(sold):
    other = OrderFactory(confirmed=True)
    for line, order in zip(receive(FileLine("199.00"), FileLine("199.00")), (sold, other), strict=True):
        book(line, choose(order))
    third = line_of(label="VIR MAIRIE", day=AFTERWARDS.date())
    book(third, ChosenMatch(shares=(share(sold, "199.00", "0.00"),)))
    assert sold.payments.count() == 2


@pytest.mark.slow
def test_what_is_due_must_be_what_was_shown(sold):
    chosen = choose(sold)
    actions.pay(sold, amount="100")
    sentence = assert_refused("outdated", book, line_of(), chosen)
    assert "il restait 199,00 € à régler quand la page s'est affichée, et 99,00 € maintenant" in sentence
    assert sold.payments.count() == 1


@pytest.mark.slow
def test_an_overpayment_that_was_shown_is_recorded(sold):
    line = book(line_of("250.00"), ChosenMatch(shares=(share(sold, "250.00"),)))
    assert line.booked_amount == sold.payments.get().amount == Decimal("250.00")
    assert "51,00" in sold.events.get(action="paid_in_excess").summary


@pytest.mark.slow
@pytest.mark.parametrize(
    ("amounts", "sentence"),
    [
        (["250.00"], "la ligne n'en a que 199,00"),
        (["100.00"], "les 99,00 € qui restent"),
        ([], "au moins une commande"),
    ],
)
def test_the_parts_make_up_the_line(sold, amounts, sentence):
    chosen = ChosenMatch(shares=tuple(share(sold, amount) for amount in amounts))
    assert sentence in assert_refused("invalid_shares", book, line_of(), chosen)
    assert not sold.payments.exists()


@pytest.mark.slow
def test_an_order_is_paid_once_by_a_line(sold):
    chosen = ChosenMatch(shares=(share(sold, "100.00"), share(sold, "99.00")))
    assert "choisie deux fois" in assert_refused("invalid_shares", book, line_of(), chosen)


@pytest.mark.slow
def test_the_rest_of_a_line_is_set_aside_with_its_reason(sold):
    line = book(line_of("230.00"), choose(sold), rest_reason="Chèque d'une autre vente")
    assert (line.state, line.booked_amount, line.set_aside_amount) == (LineState.BOOKED, Decimal(199), Decimal(31))
    taken = take_back(line)
    assert (taken.state, taken.open_amount, taken.reason) == (LineState.WAITING, Decimal("31.00"), "")
    assert set_aside(line).state == LineState.BOOKED


@pytest.mark.slow
def test_a_line_is_set_aside_and_taken_back(sold):
    line = line_of()
    assert_refused("no_reason", set_aside, line, "  ")
    assert set_aside(line).state == LineState.SET_ASIDE
    assert_refused("line_not_waiting", book, line, choose(sold))
    assert_refused("line_not_waiting", set_aside, line)
    take_back(line)
    assert book(line, choose(sold)).state == LineState.BOOKED
    assert "annulez d'abord le règlement" in assert_refused("line_not_waiting", take_back, line)


@pytest.mark.slow
def test_a_line_booked_on_the_wrong_order_is_booked_anew_once_its_payment_is_reversed(sold):
    right, line = OrderFactory(confirmed=True), line_of()
    book(line, choose(sold))
    actions.reverse(sold, reason="mistake")
    assert take_back(line).open_amount == Decimal("199.00")
    book(line, choose(right))
    right.refresh_from_db()
    assert right.state == OrderState.PAID
    assert LinePayment.objects.filter(line=line, released_at__isnull=True).get().order == right


@pytest.mark.slow
def test_an_unpaid_payment_stays_on_its_line(sold):
    """The money did come in; the debit that takes it back is a line of its own."""
    line = line_of(label="REMISE CHEQUE")
    book(line, choose(sold))
    payment = sold.payments.get()
    [[proposal]] = propose(line_of("-199.00", "CHEQUE IMPAYE"))
    assert proposal.reversed_id == payment.pk
    debit = StatementLine.objects.get(amount__lt=0)
    book(debit, ChosenMatch(reversed_id=payment.pk))
    sold.refresh_from_db()
    debit.refresh_from_db()
    assert (sold.state, debit.state, debit.booked_amount) == (OrderState.CONFIRMED, LineState.BOOKED, Decimal(-199))
    assert payment.taken_back.get().reversal_reason == "unpaid"
    assert list_email_kinds(sold)[-1] == "payment_reversed"
    assert_refused("line_not_waiting", take_back, line)
    assert_refused("line_not_waiting", take_back, debit)


@pytest.mark.slow
def test_a_debit_is_no_payment_and_a_credit_no_reversal(sold):
    payment = actions.pay(OrderFactory(confirmed=True))
    debit = line_of("-199.00", "REJET VIR")
    assert_refused("invalid_shares", book, debit, ChosenMatch(shares=(share(sold, "199.00"),)))
    assert_refused("invalid_shares", book, line_of(), ChosenMatch(reversed_id=payment.pk))


@pytest.mark.slow
def test_a_debit_that_the_bank_did_not_mark_is_taken_up_by_hand(sold):
    payment = actions.pay(sold)
    line = line_of("-199.00", "OPERATION DIVERSE")
    assert line.state == LineState.DEBIT
    [[proposal]] = propose(take_back(line))
    assert proposal.reversed_id == payment.pk


@pytest.mark.slow
def test_a_payment_recorded_by_hand_is_found_on_one_line_only(sold):
    payment = actions.pay(sold)
    first, second = receive(FileLine("199.00"), FileLine("199.00"))
    found = ChosenMatch(payment_ids=(payment.pk,))
    assert book(first, found).booked_amount == Decimal("199.00")
    assert Payment.objects.count() == 1
    assert "une autre ligne de relevé montre déjà" in assert_refused("invalid_shares", book, second, found)
    # Found on the wrong line: it is freed for the right one.
    take_back(first)
    assert book(second, found).state == LineState.BOOKED


@pytest.mark.slow
def test_a_payment_that_was_reversed_is_not_found_any_more(sold):
    payment = actions.pay(sold)
    actions.reverse(sold)
    assert_refused("outdated", book, line_of(), ChosenMatch(payment_ids=(payment.pk,)))


BREACHES = [
    "amount = 1",
    "label = 'autre'",
    "booked_on = booked_on + 1",
    "booked_amount = 1000",
    "state = 'booked'",
    "set_aside_amount = 10",
    "state = 'set_aside', set_aside_amount = amount",
]


@pytest.mark.parametrize("change", BREACHES)
def test_the_database_keeps_the_bank_s_words_and_refuses_more_than_the_line(change):
    line = line_of()
    with pytest.raises(IntegrityError), transaction.atomic():
        StatementLine.objects.raw(f"UPDATE bank_statementline SET {change} RETURNING *")[0]  # noqa: S608 - our own words
    line.refresh_from_db()
    assert (line.amount, line.state) == (Decimal("199.00"), LineState.WAITING)


@pytest.mark.slow
def test_the_database_keeps_lines_and_their_payments(sold):
    line = line_of()
    book(line, choose(sold))
    link = LinePayment.objects.get()
    for change in (link.delete, line.delete, lambda: LinePayment.objects.update(order=OrderFactory())):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()


def test_a_line_that_looks_like_another_is_known_by_its_number():
    lines = receive(FileLine("199.00", "VIR " + "X" * 130), replace(FileLine("199.00"), label="VIR"))
    references = [line.payment_reference for line in lines]
    assert all(len(reference) <= 120 for reference in references)
    assert all(str(line.pk) in reference for line, reference in zip(lines, references, strict=True))
