"""Simultaneous operations on an order take effect once: real threads, real commits."""

import random
from threading import Event

import pytest
from django.db import transaction
from django_tenants.utils import schema_context

from core.exceptions import DomainError
from licensing.books.billing import operations as billing_operations
from licensing.books.billing.queries import get_balance
from licensing.catalogue import terms
from licensing.classes import operations as classes
from licensing.entitlements.models import Entitlement, Seat
from licensing.orders import operations, purchase_orders
from licensing.orders.models import Order, OrderState
from licensing.orders.operations import MAX_UNSIGNED_ORDERS
from licensing.orders.order_events import apply_if_unchanged, get_order_version
from licensing.payments import card
from licensing.payments import operations as payment_operations
from licensing.payments.models import Payment
from sites.audit.invariants import read_invariants
from tests import races
from tests.conftest import TERM
from tests.factories.accounts import OperatorFactory, PrincipalFactory, TeacherFactory
from tests.factories.billing_details import BillingDetailsFactory
from tests.factories.orders import OrderFactory, PurchaseFactory
from tests.factories.payments import CardPaymentFactory
from tests.factories.schools import AffiliationFactory
from tests.orders import actions
from tests.orders.assertions import get_deadlines, is_usable, list_email_kinds, list_violations
from tests.orders.dates import DAY, YEAR_ENDS, at_day
from tests.races import wait_for_blocked_session
from tests.waits import wait_until

pytestmark = pytest.mark.slow


def at_once(*calls):
    return races.run_concurrently("public", calls, expected_errors=DomainError)


def successes(outcomes):
    """Return the outcomes that are not exceptions."""
    return [one for one in outcomes if not isinstance(one, DomainError)]


@pytest.fixture
def public(committing):
    with schema_context("public"):
        yield


@pytest.mark.parametrize("number", [4, pytest.param(100, marks=pytest.mark.slow)])
def test_simultaneous_confirmations_number_invoices_consecutively(public, number):
    orders = [OrderFactory(placed=True).pk for _ in range(number)]
    by = OperatorFactory()
    given = at_once(*(lambda pk=pk: billing_operations.confirm(order_id=pk, by=by, at=TERM).number for pk in orders))
    assert sorted(given) == [f"P2026-{rank:06}" for rank in range(1, number + 1)]
    assert set(Order.objects.values_list("state", flat=True)) == {OrderState.CONFIRMED}
    assert list_violations() == set()


def test_the_same_click_six_times_at_once_is_one(committing):
    """Each operation six times at once: recorded once in the books, the journal and the outbox."""
    order = PurchaseFactory()
    by = OperatorFactory()
    with schema_context("public"):
        card_order = OrderFactory(by_card=True)
        card = CardPaymentFactory(order=card_order)

        def six(act):
            outcomes = successes(at_once(*[act] * 6))
            assert {one.pk for one in outcomes} == {outcomes[0].pk}

        six(lambda: operations.issue_quote(order_id=order.pk, by=by, at=TERM))
        six(lambda: actions.place(order))
        six(lambda: actions.upload(order))
        six(lambda: billing_operations.confirm(order_id=order.pk, by=by, at=TERM))
        six(lambda: actions.pay(order, by=by))
        invoice = order.invoices.get()
        six(lambda: billing_operations.reissue_invoice(invoice_id=invoice.pk, reason="Rejetée.", by=by, at=TERM))
        six(lambda: billing_operations.cancel(order_id=order.pk, reason="Doublon.", by=by, at=TERM))
        payment = order.payments.get()
        six(lambda: payment_operations.refund(payment_id=payment.pk, by=by, at=TERM))
        six(lambda: payment_operations.settle_by_card(card_payment_id=card.pk, at=TERM))
        steps = [*order.events.order_by("pk").values_list("action", flat=True)]
        assert steps == [
            "quoted", "placed", "scan_received", "confirmed", "payment_recorded", "paid", "reinvoiced", "cancelled",
            "refunded",
        ]  # fmt: skip
        assert list_email_kinds(order) == [
            "placed", "scan_received", "invoiced", "paid", "invoiced", "cancelled", "refunded"
        ]  # fmt: skip
        assert list_email_kinds(card_order) == ["paid"]
        assert (Entitlement.objects.count(), list_violations()) == (2, set())


def test_orders_that_a_buyer_places_at_once_are_counted_one_after_the_other(public):
    whose = AffiliationFactory(user=PrincipalFactory())
    drafts = [OrderFactory(quoted=True, affiliation=whose) for _ in range(MAX_UNSIGNED_ORDERS + 3)]
    outcomes = at_once(*(lambda order=order: actions.place(order) for order in drafts))
    assert len(successes(outcomes)) == MAX_UNSIGNED_ORDERS
    assert {one.code for one in outcomes if isinstance(one, DomainError)} == {"previous_order_lapsed"}
    assert Order.objects.filter(state=OrderState.PLACED).count() == MAX_UNSIGNED_ORDERS


def test_starting_confirming_and_teaching_at_once_uses_nothing_before_its_first_day(public):
    """An order of next year is started early twice, confirmed, and its teacher opens a class."""
    june = TERM.replace(year=2027, month=6)
    teacher, by, steps = AffiliationFactory(user=TeacherFactory()), OperatorFactory(), []
    orders = [
        OrderFactory(placed=True, at=june, year_ends_on=YEAR_ENDS.replace(year=2028), affiliation=teacher, classes=1)
        for _ in range(4)
    ]
    for order in orders:
        seat = Seat.objects.get(subscription__key__entitlement__order_line__order=order)
        steps += [
            lambda pk=order.pk: operations.start_early(order_id=pk, by=by, at=june),
            lambda pk=order.pk: operations.start_early(order_id=pk, by=by, at=june),
            lambda pk=order.pk: billing_operations.confirm(order_id=pk, by=by, at=june),
            lambda pk=seat.pk: classes.open_class(seat_id=pk, by=teacher.user, name="CE1 B", at=june),
        ]
    at_once(*steps)
    assert list_violations() | list_violations(read_invariants("licences")) == set()
    for order in orders:
        assert order.events.filter(action="started").count() == 1
        # Counted from the first day that the confirmation found: it shortens no time to pay.
        assert get_deadlines(order)[1] in ((june + 45 * DAY).date(), june.date().replace(month=10, day=16))


def test_opening_refusing_and_paying_an_order_at_once_leaves_the_books_sound(public):
    by, steps = OperatorFactory(), []
    for _ in range(4):
        order = OrderFactory(in_review=True)
        card_payment = CardPaymentFactory(order=order)
        steps += [
            lambda pk=order.pk: operations.open_reviewed_order(order_id=pk, by=by, at=TERM),
            lambda pk=order.pk: operations.open_reviewed_order(order_id=pk, by=by, at=TERM),
            lambda pk=order.pk: billing_operations.cancel(order_id=pk, reason="Inconnu.", by=by, at=TERM),
            lambda pk=card_payment.pk: payment_operations.settle_by_card(card_payment_id=pk, at=TERM),
        ]
    at_once(*steps)
    for payment in Payment.objects.filter(order__state=OrderState.CANCELLED, refunds__isnull=True):
        card.refund(payment_id=payment.pk, by=by, at=TERM)
    assert list_violations() == set()


@pytest.mark.small
def test_a_basket_that_is_being_paid_at_this_moment_is_left_as_it_is(public):
    order = OrderFactory(by_card=True)
    of = order.placed_by.affiliations.get()
    begun = Event()

    def pay():
        with transaction.atomic():
            card.start_attempt(order_id=order.pk, by=of.user, at=TERM)
            begun.set()
            wait_for_blocked_session()

    def choose_again():
        wait_until(begun.is_set)
        return OrderFactory(classes=1, affiliation=of)

    _, another = at_once(pay, choose_again)
    assert another != order
    assert order.lines.get().quantity == 5


def test_four_workers_run_the_countdown_once(public):
    reminded, lapsing = OrderFactory(placed=True, at=at_day(16)), OrderFactory(placed=True)
    rung = at_once(*[lambda: purchase_orders.remind_and_lapse(at_day(46))] * 4)
    assert (sum(one for one, _ in rung), sum(one for _, one in rung)) == (1, 1)
    assert list_email_kinds(reminded) == ["placed", "reminder"]
    assert list_email_kinds(lapsing) == ["placed", "lapsed"]


@pytest.mark.parametrize("number", [2, pytest.param(8, marks=pytest.mark.slow)])
def test_a_payment_recorded_while_another_is_reversed_leaves_what_is_owed(public, number):
    orders = [OrderFactory(confirmed=True) for _ in range(number)]
    by = OperatorFactory()
    for order in orders:
        actions.pay(order, amount="99", reference="CHQ 1", by=by)
    steps = [lambda order=order: actions.pay(order, amount="100", reference="CHQ 2", by=by) for order in orders]
    steps += [lambda order=order: actions.reverse(order) for order in orders]
    outcomes = at_once(*steps)
    assert successes(outcomes) == outcomes
    for one in Order.objects.all():
        assert (one.state, get_balance(one), is_usable(one, TERM)) == (OrderState.CONFIRMED, 99, True)
    assert list_violations() == set()


@pytest.mark.parametrize("number", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_overpayments_moved_both_ways_at_once_are_not_moved_twice(public, number):
    """Two orders are overpaid by what a third owes: pages lock both, in the order of their keys."""
    by = OperatorFactory()
    whose = AffiliationFactory(user=PrincipalFactory())
    groups = [[OrderFactory(confirmed=True, affiliation=whose) for _ in range(3)] for _ in range(number)]
    steps = []
    for first, owed, second in groups:
        for order in (first, second):
            actions.pay(order, amount="398", by=by)
            steps += [lambda order=order, owed=owed: _move_by_page(order, owed, by)] * 2
            # Refused, once both are locked.
            steps += [lambda order=order, owed=owed: _move_by_page(owed, order, by)] * 2
    assert len(successes(at_once(*steps))) == len(groups)
    assert list_violations() == set()
    for _, owed, _ in groups:
        owed.refresh_from_db()
        assert (owed.state, get_balance(owed)) == (OrderState.PAID, 0)


def _move_by_page(order, owed, by):
    return apply_if_unchanged(
        order_id=order.pk,
        version=get_order_version(order.pk),
        other_order_ids=[owed.pk],
        operation=lambda: payment_operations.move_surplus(
            order_id=order.pk, target_id=owed.pk, amount=owed.total_ttc, by=by, at=TERM
        ),
    )


def test_the_same_cheque_reversed_six_times_at_once_is_taken_back_once(public):
    order = OrderFactory(paid=True)
    outcomes = at_once(*[lambda: actions.reverse(order)] * 6)
    assert len(successes(outcomes)) == 1
    assert (get_balance(order), list_violations()) == (order.total_ttc, set())


@pytest.mark.parametrize(
    ("number", "shop_states"),
    [
        (0, ["by_card"]),
        *(
            pytest.param(n, ["by_card", "scanned", "lapsed_scanned", "confirmed"], marks=pytest.mark.slow)
            for n in (0, 1)
        ),
    ],
)
def test_whatever_is_done_at_once_the_books_hold_and_rights_say_what_was_paid(number, shop_states, committing):
    """Some orders, twelve operations on each at once, in random order."""
    made = [PurchaseFactory()]
    by = OperatorFactory()
    with schema_context("public"):
        made += [OrderFactory(**{state: True}) for state in shop_states]
        cards = {order.pk: CardPaymentFactory(order=order, status="input") for order in made[1:]}
        steps = [step for order in made for step in _steps(order, cards.get(order.pk), by)]
        random.Random(number).shuffle(steps)  # noqa: S311 - no secret
        at_once(*steps)
        # A late card payment stays in the books until refunded, on cancelled orders only.
        for payment in Payment.objects.filter(order__state=OrderState.CANCELLED, refunds__isnull=True):
            give_back = payment_operations.refund if payment.card_id is None else card.refund
            give_back(payment_id=payment.pk, by=by, at=at_day(48))
        assert list_violations() == set()
        for order in Order.objects.all():
            live = order.invoices.current().count()
            assert live == (order.state in (OrderState.CONFIRMED, OrderState.PAID))
            if order.state in (OrderState.PAID, OrderState.CANCELLED):
                assert is_usable(order, at_day(48)) == (order.state == OrderState.PAID)


def _steps(order, card, by):
    named = {"order_id": order.pk, "at": at_day(48)}
    billing = BillingDetailsFactory(collectivity=order.collectivity_id is not None)
    steps = [
        lambda: operations.place(billing=billing, terms_version=terms.CURRENT, by=order.placed_by, **named),
        lambda: purchase_orders.receive_scan(filename="a", content=b"%PDF-a", by=order.placed_by, **named),
        lambda: billing_operations.confirm(by=by, **named),
        lambda: billing_operations.confirm(by=by, **named),
        lambda: actions.pay(order, by=by, at=at_day(48)),
        lambda: actions.pay(order, by=by, at=at_day(48), reference="VIR 2"),
        lambda: actions.reverse(order, amount="50", at=at_day(48)) if order.payments.exists() else None,
        lambda: purchase_orders.prolong(until=YEAR_ENDS, by=by, **named),
        lambda: operations.suspend(by=by, **named),
        lambda: purchase_orders.remind_and_lapse(at_day(48)),
        lambda: operations.discard_draft(by=by, **named),
        lambda: actions.credit(order, licences=1, at=at_day(48)),
        lambda: billing_operations.cancel(reason="Doublon.", by=by, **named),
    ]
    # As in production, what the order does not owe any more is asked back.
    return steps if card is None else [*steps, lambda: actions.record_charge(card, at=at_day(48))]
