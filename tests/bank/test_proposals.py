"""What a line is proposed as: certainty, reason and amounts, by kind."""

from dataclasses import replace
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from licensing.books.bank.books import load_books, search_orders
from licensing.books.bank.matching import Certainty, ChosenMatch, parse_key, propose_for_lines
from licensing.books.bank.models import StatementLine
from licensing.orders.settlement import PaymentMethod
from licensing.payments import operations as payment_operations
from tests.bank.actions import book, choose, propose, receive, upload
from tests.bank.statement_files import FileLine, StatementFile
from tests.factories.accounts import OperatorFactory
from tests.factories.orders import OrderFactory, PurchaseFactory
from tests.orders import actions
from tests.orders.dates import at_day

pytestmark = pytest.mark.django_db

TRANSFER = FileLine("199.00")


def order(classes=5, **fields):
    return OrderFactory(confirmed=True, classes=classes, **fields)


def number_of(sold):
    return sold.invoices.get().number


def line_for(amount="199.00", label="VIR SEPA RECU", *texts, **fields):
    """Store a statement of one line; return the line."""
    [line] = receive(FileLine(amount, label, texts, **fields))
    return line


def only(line):
    [[proposal]] = propose(line)
    return proposal


def shares(proposal):
    return [(share.order_id, str(share.amount)) for share in proposal.shares]


# --- An invoice's number ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_number_with_its_amount_is_sure():
    sold, _ = order(), order()
    found = only(line_for("199.00", "VIR SGC NIMES", f"MANDAT 4512 {number_of(sold).replace('-', ' ').lower()}"))
    assert (found.certainty, shares(found), found.surplus) == (Certainty.SURE, [(sold.pk, "199.00")], 0)
    assert f"La facture {number_of(sold)} est citée" in found.reason


@pytest.mark.slow
def test_several_numbers_whose_sum_is_the_amount_are_sure():
    one, other = order(), order(classes=1)
    found = only(line_for("248.00", "VIR", f"{number_of(one)} {number_of(other)}"))
    assert (found.certainty, shares(found)) == (Certainty.SURE, [(one.pk, "199.00"), (other.pk, "49.00")])


@pytest.mark.slow
def test_a_number_with_less_says_what_will_be_left():
    sold = order()
    found = only(line_for("100.00", "VIR", number_of(sold)))
    assert (found.certainty, shares(found)) == (Certainty.PROBABLE, [(sold.pk, "100.00")])
    assert "il restera 99,00" in found.reason


@pytest.mark.slow
def test_a_number_with_more_is_chosen_by_hand_and_shows_the_overpayment():
    found = only(line_for("250.00", "VIR", number_of(order())))
    assert (found.certainty, found.surplus) == (Certainty.TO_CHOOSE, Decimal("51.00"))


@pytest.mark.slow
def test_the_number_of_a_paid_or_cancelled_order_shows_that_all_is_an_overpayment():
    cancelled = order()
    actions.cancel(cancelled)
    for sold, reason in ((OrderFactory(paid_by_card=True), "déjà réglée"), (cancelled, "annulée")):
        found = only(line_for("199.00", "VIR", sold.invoices.get(kind="invoice").number))
        assert (found.certainty, found.surplus) == (Certainty.TO_CHOOSE, Decimal("199.00"))
        assert reason in found.reason


@pytest.mark.slow
def test_numbers_whose_sum_is_another_are_shared_out_in_turn_by_hand():
    one, other = order(), order(classes=1)
    [found] = propose(line_for("300.00", "VIR", f"{number_of(one)} {number_of(other)}"))
    assert {proposal.certainty for proposal in found} == {Certainty.TO_CHOOSE}
    assert shares(found[0]) == [(one.pk, "199.00"), (other.pk, "101.00")]
    assert found[0].surplus == Decimal("52.00")


@pytest.mark.slow
def test_two_lines_for_one_invoice_are_sure_once():
    """A mandat that was paid twice."""
    text = (number_of(order()),)
    lines = receive(replace(TRANSFER, details=text), replace(TRANSFER, details=text))
    [[first], [second]] = propose(*lines)
    assert (first.certainty, second.certainty) == (Certainty.SURE, Certainty.TO_CHOOSE)
    assert "une ligne plus haut la règle" in second.reason


@pytest.mark.slow
def test_a_sure_line_goes_before_one_that_is_only_probable():
    sold = order(billing__name="Mairie d'Uzès")
    lines = receive(FileLine("199.00", "VIR MAIRIE UZES"), replace(TRANSFER, details=(number_of(sold),)))
    guessed, [sure] = propose(*lines)
    assert (sure.certainty, shares(sure)) == (Certainty.SURE, [(sold.pk, "199.00")])
    assert guessed == []


# --- The payer --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_siret_with_the_amount_is_sure():
    sold, _ = order(billing__siret="21300189400020"), order(classes=1, billing__siret="21300189400020")
    found = only(line_for("199.00", "VIR SGC", "21300189400020"))
    assert (found.certainty, shares(found)) == (Certainty.SURE, [(sold.pk, "199.00")])


@pytest.mark.slow
def test_a_name_with_the_amount_is_probable():
    sold, _ = order(billing__name="Mairie de Saint-Gilles"), order(billing__name="Mairie d'Uzès")
    found = only(line_for("199.00", "VIR TRESORERIE", "COMMUNE ST GILLES"))
    assert (found.certainty, shares(found)) == (Certainty.PROBABLE, [(sold.pk, "199.00")])
    assert "Le nom du payeur est cité" in found.reason


@pytest.mark.slow
def test_two_orders_of_one_payer_at_that_amount_are_for_a_person_to_choose():
    pair = [order(), order()]
    [found] = propose(line_for("199.00", "VIR MAIRIE DE NIMES"))
    assert {proposal.certainty for proposal in found} == {Certainty.TO_CHOOSE}
    assert [shares(proposal) for proposal in found] == [[(sold.pk, "199.00")] for sold in pair]


@pytest.mark.slow
def test_several_invoices_of_one_payer_make_one_transfer():
    one, other, third = order(), order(classes=1), order(classes=10)
    found = only_probable(line_for("548.00", "VIR MAIRIE DE NIMES"))
    assert shares(found) == [(one.pk, "199.00"), (third.pk, "349.00")]
    assert other.pk not in {share.order_id for share in found.shares}
    assert "2 de ses factures font ensemble ce montant" in found.reason


def only_probable(line):
    [[first, *others]] = propose(line)
    assert first.certainty == Certainty.PROBABLE
    assert {other.certainty for other in others} <= {Certainty.TO_CHOOSE}
    return first


@pytest.mark.slow
def test_an_amount_alone_is_for_a_person_to_choose():
    sold = order()
    found = only(line_for("199.00", "VIR INCONNU"))
    assert (found.certainty, shares(found)) == (Certainty.TO_CHOOSE, [(sold.pk, "199.00")])
    assert "rien d'autre ne le dit" in found.reason


@pytest.mark.slow
def test_an_order_that_came_after_the_money_is_not_proposed():
    order(at=at_day(3))
    assert propose(line_for("199.00", "VIR MAIRIE DE NIMES")) == [[]]


@pytest.mark.slow
def test_what_a_credit_note_took_back_is_not_awaited():
    sold = order()
    actions.credit(sold, amount="50")
    found = only(line_for("149.00", "VIR", sold.invoices.current().get().number))
    assert (found.certainty, shares(found)) == (Certainty.SURE, [(sold.pk, "149.00")])


@pytest.mark.slow
@pytest.mark.parametrize("state", ["placed", "lapsed"])
def test_money_that_comes_before_the_signed_purchase_order_is_probable_at_most(state):
    """It stands for it: the invoice is issued, which a person has looked at."""
    sold = OrderFactory(**{state: True})
    line = line_for("199.00", f"VIR {sold.siret}")
    found = only(line)
    assert (found.certainty, shares(found)) == (Certainty.PROBABLE, [(sold.pk, "199.00")])
    assert "le règlement en tient lieu, et la facture est émise" in found.reason
    assert [one.pk for one in search_orders("mairie Nîmes")] == [one.pk for one in search_orders("199")] == [sold.pk]
    book(line, parse_key(found.key))
    sold.refresh_from_db()
    assert (sold.state, sold.invoices.count()) == ("paid", 1)


@pytest.mark.slow
def test_nothing_is_proposed_for_what_nothing_is_like():
    order()
    assert propose(line_for("12.34", "INTERETS CREDITEURS")) == [[]]


# --- Cheques, and payments recorded by hand ---------------------------------------------------------------------------


@pytest.mark.slow
def test_cheques_of_one_deposit_are_proposed_together():
    school = {"billing__cooperative": True}
    one, other = order(**school), order(classes=10, **school)
    order(classes=1)
    found = only(line_for("548.00", "REMISE CHEQUES"))
    assert (found.certainty, shares(found)) == (Certainty.TO_CHOOSE, [(one.pk, "199.00"), (other.pk, "349.00")])


def record_by_hand(sold, reference, *, method=PaymentMethod.CHEQUE):
    return payment_operations.record_payment(
        order_id=sold.pk,
        method=method,
        amount=sold.total_ttc,
        received_on=at_day(0).date(),
        reference=reference,
        by=OperatorFactory(),
        at=at_day(0),
    )


@pytest.mark.slow
def test_cheques_recorded_on_arrival_are_found_in_their_deposit():
    payments = [record_by_hand(order(), "CHQ 1"), record_by_hand(order(classes=1), "CHQ 2")]
    found = only(line_for("248.00", "REMISE CHEQUES"))
    assert (found.certainty, found.shares) == (Certainty.PROBABLE, ())
    assert found.payment_ids == tuple(payment.pk for payment in payments)
    assert "Rien ne sera ajouté aux comptes" in found.reason


@pytest.mark.slow
def test_a_transfer_recorded_by_hand_is_found_by_its_number():
    sold = order()
    payment = record_by_hand(sold, "VIR", method=PaymentMethod.TRANSFER)
    found = only(line_for("199.00", "VIR", number_of(sold)))
    assert (found.certainty, found.payment_ids) == (Certainty.SURE, (payment.pk,))


@pytest.mark.slow
def test_an_unpaid_cheque_is_proposed_as_the_reversal_of_its_payment():
    payment = record_by_hand(order(), "CHQ 1")
    [[found]] = propose(line_for("-199.00", "CHEQUE IMPAYE"))
    assert (found.certainty, found.reversed_id) == (Certainty.TO_CHOOSE, payment.pk)
    assert "l'acheteur en recevra un e-mail" in found.reason


# --- Keys and queries -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_key_says_what_was_shown():
    sold = order()
    found = only(line_for("250.00", "VIR", number_of(sold)))
    assert parse_key(found.key) == ChosenMatch(shares=found.shares)
    assert parse_key("p3 p4") == ChosenMatch(payment_ids=(3, 4))
    assert parse_key("r5") == ChosenMatch(reversed_id=5)


@pytest.mark.parametrize(
    "key",
    ["", "o1", "o1:NaN:1.00", "o1:1e9:1.00", "x3", "r5 r6", "r5 p6", "o" + "9" * 40 + ":1.00:1.00", "p-1", "é" * 50],
)
def test_another_text_is_no_key(key):
    assert parse_key(key) is None


@pytest.mark.slow
def test_300_lines_are_compared_with_as_many_queries_as_one(nimes):
    sold = [order(billing__name=f"Mairie numéro {rank}") for rank in range(3)]
    PurchaseFactory(confirmed=True)
    named = [FileLine("199.00", f"VIR {rank}", (number_of(sold[rank % 3]),)) for rank in range(100)]
    others = [FileLine("199.00", f"VIR MAIRIE {rank}") for rank in range(199)]
    upload(StatementFile((*named, *others, FileLine("-199.00", "CHEQUE IMPAYE"))))
    lines = list(StatementLine.objects.order_by("pk"))
    assert len(lines) == 300
    counts = []
    for some in (lines[:1], lines):
        with CaptureQueriesContext(
            connection,
        ) as captured:
            propose_for_lines(some, load_books(some))
        counts.append(len(captured))
    assert counts == [5, 5]


@pytest.mark.slow
def test_a_payment_once_reversed_is_owed_again():
    sold = OrderFactory(paid=True)
    actions.reverse(sold)
    found = only(line_for("199.00", "VIR", number_of(sold)))
    assert found.certainty == Certainty.SURE
    assert choose(sold).shares == found.shares
