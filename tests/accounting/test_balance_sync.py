"""The provider's balance: asked from the last known on, stored once, and left as it is."""

import datetime
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.utils import timezone

from jobs.models import SetAsideItem
from licensing.books.accounting import balance_sync, tasks
from licensing.books.accounting.balance_sync import retrieve_balance_transactions
from licensing.books.accounting.models import BalanceTransaction
from licensing.payments import card
from licensing.payments.card_providers import ProviderSilent
from tests.accounting.books import export_lines
from tests.accounting.fec_checker import list_faults, sum_accounts
from tests.conftest import TERM
from tests.database_roles import execute_as_administrator

pytestmark = pytest.mark.slow

SOON = datetime.timedelta(minutes=1)


def retrieve():
    return retrieve_balance_transactions(at=timezone.now() + SOON)


def list_stored(*columns):
    return list(BalanceTransaction.objects.order_by("pk").values_list(*columns))


def test_charges_fees_refunds_and_payouts_are_stored_with_their_payment(stripe, opened, tell):
    payment, session = opened
    tell(stripe.pay(session))
    stripe.refund(session, 5000)
    stripe.balance.pay_out()
    assert retrieve() == 3
    # 1.5 % and 25 cents of 199.00.
    fee = Decimal("3.23")
    assert list_stored("kind", "amount", "card") == [
        ("charge", payment.total, payment.pk),
        ("refund", -50, payment.pk),
        ("payout", 50 + fee - payment.total, None),
    ]
    assert [fee, 0, 0] == [one for (one,) in list_stored("fee")]


def test_what_is_known_is_not_stored_again(stripe, opened, tell):
    tell(stripe.pay(opened[1]))
    assert retrieve() == 1
    before = list_stored("pk", "recorded_at")
    assert retrieve() == 0
    # A refund in the dashboard says nothing of ours: it has the payment of its charge, which was stored before.
    stripe.refund(opened[1], 5000)
    assert retrieve() == 1
    assert list_stored("pk", "recorded_at")[:1] == before
    assert {one for (one,) in list_stored("card")} == {opened[0].pk}


def test_all_pages_of_all_windows_are_asked_for(stripe, opened, monkeypatch):
    monkeypatch.setattr(balance_sync, "WINDOW", datetime.timedelta(seconds=20))
    for number in range(230):
        stripe.balance.add("charge", 1000 + number, source={"id": f"ch_{number}", "object": "charge", "metadata": {}})
    assert retrieve() == 230
    assert [int(amount * 100) for (amount,) in list_stored("amount")] == list(range(1000, 1230))
    asked = [parameters for method, path, parameters in stripe.requests if path == "/v1/balance_transactions"]
    assert sum("starting_after" in parameters for parameters in asked) == 2
    assert len(asked) > 3


def test_another_currency_is_left_out_and_another_site_s_charge_is_of_no_card(stripe, opened):
    stripe.balance.add("charge", 900, source=None, currency="usd")
    stripe.balance.add("charge", 1000, source={"id": "ch_x", "object": "charge", "metadata": {"payment": "another"}})
    assert retrieve() == 1
    assert list_stored("charge", "card") == [("ch_x", None)]


@pytest.mark.small
def test_nothing_is_asked_before_the_first_card_payment_or_without_a_provider(stripe, db, settings):
    assert retrieve() == 0
    settings.CARD_VARIANT = ""
    assert retrieve() == 0
    assert stripe.requests == []


def test_the_provider_is_asked_outside_a_transaction(stripe, opened, monkeypatch):
    depths = []
    answer = stripe.answer

    def watch(*request):
        depths.append(len(current.savepoint_ids))
        return answer(*request)

    # The stand-in answers in a thread of its own, which has another connection.
    current = connections["default"]
    monkeypatch.setattr(stripe, "answer", watch)
    before = len(connection.savepoint_ids)
    retrieve()
    assert depths == [before]


def test_what_was_stored_before_an_outage_stays_and_the_rest_follows(stripe, opened, tell, monkeypatch):
    tell(stripe.pay(opened[1]))
    retrieve()
    stripe.balance.pay_out()
    stripe.down = True
    with pytest.raises(ProviderSilent):
        retrieve()
    assert len(list_stored("pk")) == 1
    stripe.down = False
    monkeypatch.setattr(timezone, "now", lambda now=timezone.now: now() + SOON)
    tasks.retrieve_provider_balance()
    assert [kind for (kind,) in list_stored("kind")] == ["charge", "payout"]


def test_a_movement_is_neither_changed_nor_deleted(stripe, opened, tell):
    tell(stripe.pay(opened[1]))
    retrieve()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    for act in ("UPDATE {} SET amount = 1, net = 1, fee = 0", "DELETE FROM {}", "TRUNCATE {}"):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(act.format("accounting_balancetransaction"))
        with pytest.raises(DatabaseError, match="is recorded"), transaction.atomic():
            execute_as_administrator(act.format("public.accounting_balancetransaction"), with_triggers=True)


def test_a_sale_by_card_is_settled_to_the_cent_from_the_card_to_the_bank(stripe, opened, tell):
    """The account of the cards is empty, the provider's balance too, and the bank has what was paid out."""
    payment, session = opened
    tell(stripe.pay(session))
    card.poll_payment(payment, at=TERM)
    payout = stripe.balance.pay_out()
    retrieve()
    start = timezone.localdate() - datetime.timedelta(days=3)
    lines = export_lines(start, timezone.localdate() + datetime.timedelta(days=3))
    assert list_faults(lines, start=start, end=timezone.localdate() + datetime.timedelta(days=3)) == []
    sums = sum_accounts(lines)
    assert sums["511500"] == sums["467000"] == sums["411000"] == 0
    assert sums["512000"] == Decimal(-payout["amount"]) / 100
    assert sums["512000"] + sums["627000"] == payment.total


@pytest.mark.parametrize(
    "fields",
    [{"created": 253402300799}, {"created": 10**30}, {"amount": 10**15, "net": 10**15}, {"net": 1}],
    ids=["a date beyond all", "no date", "an amount beyond all", "amounts that do not add up"],
)
def test_a_movement_that_cannot_be_stored_is_set_aside_and_the_others_are_stored(
    stripe, opened, tell, monkeypatch, fields
):
    tell(stripe.pay(opened[1]))
    bad = stripe.balance.add("adjustment", 500, source=None)
    stripe.balance.pay_out()
    # Whatever was asked for.
    monkeypatch.setattr(
        stripe.balance,
        "answer",
        lambda *_, **__: _list([*stripe.balance.transactions[:1], bad | fields, *stripe.balance.transactions[2:]]),
    )
    assert retrieve() == 2
    assert list_stored("kind") == [("charge",), ("payout",)]
    item = SetAsideItem.objects.get()
    assert (item.reference, item.seen_at) == (bad["id"], None)
    assert retrieve() == 0
    assert SetAsideItem.objects.count() == 1


def _list(transactions):
    return {"object": "list", "url": "/v1/balance_transactions", "has_more": False, "data": transactions[::-1]}


def test_a_movement_dated_ahead_of_the_clock_hides_no_other(stripe, opened, tell):
    tell(stripe.pay(opened[1]))
    retrieve()
    BalanceTransaction.objects.bulk_create(
        [
            BalanceTransaction(
                variant="stripe", reference="ahead", kind="charge", amount=1, fee=0, net=1,
                created_at=datetime.datetime(2150, 1, 1, tzinfo=datetime.UTC), recorded_at=timezone.now(),
            )
        ]
    )  # fmt: skip
    stripe.balance.pay_out()
    assert retrieve() == 1
