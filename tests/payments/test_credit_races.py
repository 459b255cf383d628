"""Partial credits that meet other acts: real threads, real commits. Each fails without its lock."""

from decimal import Decimal
from functools import partial

import pytest
from django.db import transaction
from django_tenants.utils import schema_context, tenant_context

from core.exceptions import DomainError
from licensing.entitlements import seat_holders
from licensing.entitlements.models import Seat, Subscription
from licensing.orders.models import Order, OrderState
from licensing.payments import card
from licensing.payments.card_providers import EURO, ProviderOutcome, ProviderRefund, SessionState
from licensing.payments.credits import credit_in_part
from licensing.payments.models import Payment
from licensing.pools.models import Pool
from tests.conftest import TERM
from tests.factories.accounts import OperatorFactory, TeacherFactory
from tests.factories.orders import OrderFactory, PurchaseFactory
from tests.factories.payments import CardPaymentFactory
from tests.factories.schools import SchoolFactory
from tests.orders import actions
from tests.orders.assertions import list_violations
from tests.pools.actions import allocate_units
from tests.races import run_concurrently
from tests.sites.audit.violations import list_all_violations

pytestmark = pytest.mark.slow


@pytest.fixture
def public(committing):
    with schema_context("public"):
        yield


def at_once(*calls):
    return run_concurrently("public", calls, expected_errors=DomainError)


def list_codes(outcomes):
    return sorted(one.code if isinstance(one, DomainError) else "done" for one in outcomes)


def credit(order, by, *, licences=0, amount=None):
    amount = None if amount is None else Decimal(amount)
    return credit_in_part(order_id=order.pk, licences=licences, amount=amount, reason="Motif", by=by, at=TERM)


def test_licences_that_are_allocated_and_taken_back_at_once_are_one_or_the_other(committing):
    orders = [PurchaseFactory(units=10, confirmed=True) for _ in range(6)]
    by, steps = OperatorFactory(), []

    def allocate(pool, school):
        with tenant_context(committing):
            return allocate_units(pool, school, units=8)

    for order in orders:
        pool = Pool.objects.get(entitlement__order_line__order=order)
        steps += [partial(credit, order, by, licences=8), partial(allocate, pool, SchoolFactory())]
    codes = list_codes(at_once(*steps))
    assert codes.count("done") == len(orders)
    assert set(codes) <= {"done", "licences_in_use", "pool_exhausted"}
    assert list_all_violations() == {}


def test_seats_that_teachers_take_while_they_are_taken_back_stay_theirs(public):
    orders = [OrderFactory(paid=True) for _ in range(3)]
    by, steps = OperatorFactory(), []
    for order in orders:
        subscription = Subscription.objects.get(key__entitlement__order_line__order=order)
        steps.append(partial(credit, order, by, licences=3))
        steps += [partial(_claim, subscription, TeacherFactory()) for _ in range(4)]
    outcomes = at_once(*steps)
    assert set(list_codes(outcomes)) <= {"done", "licences_in_use", "no_seat_left"}
    taken = sum(isinstance(one, Seat) for one in outcomes)
    assert (Seat.objects.held().count(), list_all_violations()) == (taken, {})


def _claim(subscription, teacher):
    with transaction.atomic():
        return seat_holders.take_free_seat(subscription, teacher, TERM)


@pytest.mark.parametrize("number", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_two_partial_credits_at_once_never_take_more_than_the_invoice(public, number):
    orders = [OrderFactory(confirmed=True) for _ in range(number)]
    by = OperatorFactory()
    codes = list_codes(at_once(*[partial(credit, order, by, amount="120") for order in orders * 2]))
    assert (codes, list_violations()) == (["done"] * number + ["invalid_amount"] * number, set())
    codes = list_codes(at_once(*[partial(credit, order, by, licences=1, amount="1") for order in orders * 6]))
    assert (codes.count("done"), list_violations()) == (4 * number, set())


def test_a_partial_credit_and_a_cancellation_at_once_credit_the_invoice_exactly(public):
    orders = [OrderFactory(paid=True) for _ in range(4)]
    by = OperatorFactory()
    steps = [partial(credit, order, by, licences=2) for order in orders] + [
        partial(actions.cancel, order) for order in orders
    ]
    codes = list_codes(at_once(*steps))
    assert set(codes) <= {"done", "not_in_this_state"}
    for order in Order.objects.all():
        invoice = order.invoices.get(kind="invoice")
        assert sum(note.total_ttc for note in invoice.credit_notes.all()) == invoice.total_ttc
        assert order.state == OrderState.CANCELLED
    assert list_violations() == set()


@pytest.mark.small
def test_a_refund_of_the_dashboard_that_is_heard_of_six_times_at_once_is_recorded_once(public):
    order = OrderFactory(by_card=True)
    charge = CardPaymentFactory(order=order, status="input")
    outcome = ProviderOutcome(
        reference=charge.transaction_id, token=charge.token, stage=SessionState.PAID, amount=19900, currency=EURO,
        charge="pi_1", refunds=(ProviderRefund(reference="re_1", amount=5000),),
    )  # fmt: skip
    at_once(*[partial(card.record_outcome, payment_id=charge.pk, outcome=outcome, at=TERM)] * 6)
    assert list(Payment.objects.order_by("pk").values_list("amount", flat=True)) == [199, -50]
    assert list_violations() == set()
