"""Simultaneous operations on an order take effect once: real threads, real commits."""

from __future__ import annotations

import random
import time
from threading import Event

import pytest
from django.db import connection, transaction
from django_tenants.utils import schema_context

from licensing.catalogue import terms
from licensing.exceptions import Refused
from licensing.orders import card, operations
from licensing.orders.models import InvoiceKind, Order, OrderState, Payment
from licensing.subscriptions.models import Source
from tests import races
from tests.conftest import TERM
from tests.orders import lifecycle
from tests.orders.lifecycle import DEPARTEMENT, MAIRIE, YEAR_ENDS, on


def at_once(*actions):
    return races.at_once("public", actions, refusals=Refused)


def done(outcomes):
    """Return the outcomes that are not exceptions."""
    return [one for one in outcomes if not isinstance(one, Refused)]


@pytest.fixture
def public(committing):
    with schema_context("public"):
        yield


def test_a_hundred_simultaneous_confirmations_number_invoices_consecutively(public):
    orders = [lifecycle.placed().pk for _ in range(100)]
    by = lifecycle.operator()
    given = at_once(*(lambda pk=pk: operations.confirm(order_id=pk, by=by, at=TERM).number for pk in orders))
    assert sorted(given) == [f"P2026-{rank:06}" for rank in range(1, 101)]
    assert set(Order.objects.values_list("state", flat=True)) == {OrderState.CONFIRMED}
    assert lifecycle.breaches() == set()


def test_the_same_click_six_times_at_once_is_one(committing):
    """Each operation six times at once: recorded once in the books, the journal and the outbox."""
    order = lifecycle.collectivity_draft(committing)
    by = lifecycle.operator()
    with schema_context("public"):
        card_order = lifecycle.by_card()
        card = lifecycle.charged(card_order)

        def six(act):
            outcomes = done(at_once(*[act] * 6))
            assert {one.pk for one in outcomes} == {outcomes[0].pk}

        six(lambda: operations.quote(order_id=order.pk, by=by, at=TERM))
        six(lambda: lifecycle.put(order))
        six(lambda: lifecycle.upload(order))
        six(lambda: operations.confirm(order_id=order.pk, by=by, at=TERM))
        six(lambda: lifecycle.pay(order, by=by))
        invoice = order.invoices.get()
        six(lambda: operations.reinvoice(invoice_id=invoice.pk, reason="Rejetée.", by=by, at=TERM))
        six(lambda: operations.cancel(order_id=order.pk, reason="Doublon.", by=by, at=TERM))
        payment = order.payments.get()
        six(lambda: operations.refund(payment_id=payment.pk, by=by, at=TERM))
        six(lambda: operations.settle_by_card(card_payment_id=card.pk, at=TERM))
        steps = [*order.events.order_by("pk").values_list("action", flat=True)]
        assert steps == [
            "quoted", "placed", "scan_received", "confirmed", "payment_recorded", "paid", "reinvoiced", "cancelled",
            "refunded",
        ]  # fmt: skip
        assert lifecycle.told(order) == ["placed", "invoiced", "paid", "invoiced", "cancelled", "refunded"]
        assert lifecycle.told(card_order) == ["paid"]
        assert (Source.objects.count(), lifecycle.breaches()) == (2, set())


def test_a_basket_that_is_being_paid_at_this_moment_is_left_as_it_is(public):
    order = lifecycle.by_card()
    of = order.placed_by.affiliations.get()
    begun = Event()

    def pay():
        with transaction.atomic():
            card.start(order_id=order.pk, by=of.user, at=TERM)
            begun.set()
            # Until the other thread waits for the order's lock.
            waits = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            with connection.cursor() as cursor:
                for _ in range(100):
                    cursor.execute(waits)
                    if cursor.fetchone() is not None:
                        break
                    time.sleep(0.05)

    def choose_again():
        begun.wait(timeout=30)
        return lifecycle.draft(classes=1, affiliation=of)

    _, another = at_once(pay, choose_again)
    assert another != order
    assert order.lines.get().quantity == 5


def test_four_workers_run_the_countdown_once(public):
    reminded, lapsing = lifecycle.placed(at=on(16)), lifecycle.placed()
    rung = at_once(*[lambda: operations.remind_and_lapse(on(46))] * 4)
    assert (sum(one for one, _ in rung), sum(one for _, one in rung)) == (1, 1)
    assert lifecycle.told(reminded) == ["placed", "reminder"]
    assert lifecycle.told(lapsing) == ["placed", "lapsed"]


@pytest.mark.parametrize("number", range(2))
def test_whatever_is_done_at_once_the_books_hold_and_rights_say_what_was_paid(number, committing):
    """Five orders, eleven operations on each at once, in random order."""
    made = [lifecycle.collectivity_draft(committing)]
    by = lifecycle.operator()
    with schema_context("public"):
        made += [lifecycle.by_card(), lifecycle.scanned(), lifecycle.lapsed_scanned(), lifecycle.confirmed()]
        cards = {order.pk: lifecycle.charged(order).pk for order in made[1:]}
        steps = [step for order in made for step in _steps(order, cards.get(order.pk), by)]
        random.Random(number).shuffle(steps)  # noqa: S311 - no secret
        at_once(*steps)
        # A late card payment stays in the books until refunded, on cancelled orders only.
        for payment in Payment.objects.filter(order__state=OrderState.CANCELLED, refunds__isnull=True):
            operations.refund(payment_id=payment.pk, by=by, at=on(48))
        assert lifecycle.breaches() == set()
        for order in Order.objects.all():
            live = order.invoices.filter(kind=InvoiceKind.INVOICE, credit__isnull=True).count()
            assert live == (order.state in (OrderState.CONFIRMED, OrderState.PAID))
            if order.state in (OrderState.PAID, OrderState.CANCELLED):
                assert lifecycle.usable(order, on(48)) == (order.state == OrderState.PAID)


def _steps(order, card, by):
    named = {"order_id": order.pk, "at": on(48)}
    billing = MAIRIE if order.collectivity_id is None else DEPARTEMENT
    steps = [
        lambda: operations.place(billing=billing, terms_version=terms.CURRENT, by=order.placed_by, **named),
        lambda: operations.receive_scan(filename="a", content=b"%PDF-a", by=order.placed_by, **named),
        lambda: operations.confirm(by=by, **named),
        lambda: operations.confirm(by=by, **named),
        lambda: lifecycle.pay(order, by=by, at=on(48)),
        lambda: lifecycle.pay(order, by=by, at=on(48), reference="VIR 2"),
        lambda: operations.prolong(until=YEAR_ENDS, by=by, **named),
        lambda: operations.suspend(by=by, **named),
        lambda: operations.remind_and_lapse(on(48)),
        lambda: operations.discard(by=by, **named),
        lambda: operations.cancel(reason="Doublon.", by=by, **named),
    ]
    return steps if card is None else [*steps, lambda: operations.settle_by_card(card_payment_id=card, at=on(48))]
