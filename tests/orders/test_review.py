"""What an unknown buyer orders in number opens its rights after the operator's look (docs/decisions/0050)."""

import datetime

import pytest
from allauth.account.models import EmailAddress

from licensing.books.billing import operations as billing_operations
from licensing.books.billing.documents import get_or_create_purchase_order
from licensing.entitlements.models import Entitlement
from licensing.orders import operations, personal_data, purchase_orders
from licensing.orders.models import OrderState, ScanState
from licensing.orders.operations import MAX_UNSIGNED_ORDERS
from licensing.orders.rights import PROVISIONAL_DAYS
from schools.models import Verification
from tests.billing.pdf_text import extract_text
from tests.conftest import TERM
from tests.factories.accounts import OperatorFactory, PrincipalFactory, TeacherFactory
from tests.factories.orders import OrderFactory, PurchaseFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.orders import actions
from tests.orders.assertions import assert_refused, get_deadlines, is_usable, list_email_kinds, list_violations
from tests.orders.dates import DAY, at_day

pytestmark = pytest.mark.django_db


def open_rights(order, *, at=TERM):
    """Open the rights as the operator."""
    return operations.open_reviewed_order(order_id=order.pk, by=OperatorFactory(), at=at)


def typed_school(**fields):
    """Return a new principal's affiliation with a school typed by hand."""
    return AffiliationFactory(user=PrincipalFactory(), school=None, name="École du Mas", **fields)


@pytest.mark.slow
def test_ten_classes_of_a_school_typed_by_hand_open_nothing_at_first():
    order = OrderFactory(in_review=True)
    assert (order.state, order.placed_at) == (OrderState.IN_REVIEW, TERM)
    assert not Entitlement.objects.exists()
    assert (list_email_kinds(order), list_violations()) == (["in_review"], set())
    # Clicking again places it once.
    assert actions.place(order).state == OrderState.IN_REVIEW
    assert list_email_kinds(order) == ["in_review"]


@pytest.mark.parametrize("classes", [1, 2, 5])
def test_the_smaller_tiers_open_at_once_for_whoever_orders(classes):
    order = OrderFactory(placed=True, classes=classes, affiliation=typed_school())
    assert (order.state, is_usable(order, TERM)) == (OrderState.PLACED, True)


@pytest.mark.slow
def test_several_small_orders_are_as_much_as_a_large_one():
    whose = typed_school()
    assert OrderFactory(placed=True, classes=5, affiliation=whose).state == OrderState.PLACED
    assert OrderFactory(placed=True, classes=1, affiliation=whose).state == OrderState.IN_REVIEW


@pytest.mark.slow
def test_signed_orders_do_not_count_against_a_buyer():
    whose = typed_school()
    OrderFactory(confirmed=True, classes=5, affiliation=whose)
    assert OrderFactory(placed=True, classes=5, affiliation=whose).state == OrderState.PLACED


@pytest.mark.slow
def test_a_school_of_the_directory_and_a_collectivity_have_their_rights_at_once(nimes):
    assert OrderFactory(placed=True, classes=40).state == OrderState.PLACED
    assert PurchaseFactory(placed=True).state == OrderState.PLACED
    teacher = AffiliationFactory(user=TeacherFactory(), school=None, name="École du Mas")
    assert OrderFactory(placed=True, classes=1, affiliation=teacher).state == OrderState.PLACED


@pytest.mark.slow
def test_a_verified_principal_is_known_wherever_they_order_for():
    whose = typed_school()
    AffiliationFactory(user=whose.user, verified_at=TERM, verified_by=Verification.KEY)
    assert OrderFactory(placed=True, classes=10, affiliation=whose).state == OrderState.PLACED


@pytest.mark.slow
@pytest.mark.parametrize(
    ("verified", "closed", "state"),
    [
        (True, False, OrderState.PLACED),
        (False, False, OrderState.IN_REVIEW),
        (True, True, OrderState.IN_REVIEW),
    ],
)
def test_a_confirmed_address_of_an_open_school_is_known(verified, closed, state):
    whose = typed_school()
    school = SchoolFactory(**({"state": "closed", "closed_at": TERM} if closed else {}))
    EmailAddress.objects.create(user=whose.user, email=school.email.upper(), verified=verified, primary=True)
    assert OrderFactory(placed=True, classes=10, affiliation=whose).state == state


@pytest.mark.slow
def test_the_operator_opens_the_rights_and_their_days_begin_then():
    order = OrderFactory(in_review=True)
    opened = open_rights(order, at=at_day(10))
    until = (at_day(10) + PROVISIONAL_DAYS * DAY).date()
    assert (opened.state, get_deadlines(order)) == (OrderState.PLACED, (until, None, False))
    assert (is_usable(order, at_day(10)), list_violations()) == (True, set())
    assert list_email_kinds(order) == ["in_review", "rights_opened"]
    open_rights(order, at=at_day(11))
    assert list_email_kinds(order) == ["in_review", "rights_opened"]
    # The countdown runs from there: no reminder for the days before.
    purchase_orders.remind_and_lapse(at_day(31))
    assert list_email_kinds(order) == ["in_review", "rights_opened"]
    purchase_orders.remind_and_lapse(at_day(41))
    purchase_orders.remind_and_lapse(at_day(56))
    assert list_email_kinds(order) == ["in_review", "rights_opened", "reminder", "lapsed"]
    assert list_violations() == set()


@pytest.mark.slow
def test_the_operator_refuses_and_the_buyer_reads_why():
    order = OrderFactory(in_review=True)
    billing_operations.cancel(order_id=order.pk, reason="Établissement inconnu.", by=OperatorFactory(), at=TERM)
    order.refresh_from_db()
    assert (order.state, list_email_kinds(order)) == (OrderState.CANCELLED, ["in_review", "cancelled"])
    assert not Entitlement.objects.exists()
    assert list_violations() == set()
    assert "annulée" in assert_refused("not_in_this_state", open_rights, order)


@pytest.mark.slow
def test_the_rights_of_a_school_year_that_is_over_are_not_opened():
    order = OrderFactory(in_review=True)
    assert "terminée" in assert_refused("not_in_this_state", open_rights, order, at=TERM + datetime.timedelta(days=300))
    assert not Entitlement.objects.exists()


@pytest.mark.slow
def test_a_signed_purchase_order_may_come_before_the_rights_are_open():
    order = OrderFactory(in_review=True)
    actions.upload(order)
    open_rights(order, at=at_day(2))
    assert get_deadlines(order) == (None, (at_day(2) + PROVISIONAL_DAYS * DAY).date(), False)
    assert list_violations() == set()
    actions.confirm(order, at=at_day(3))
    assert (order.state, order.scans.get().state) == (OrderState.CONFIRMED, ScanState.ACCEPTED)
    assert list_violations() == set()


@pytest.mark.slow
def test_a_scan_refused_during_the_review_opens_nothing():
    order = OrderFactory(in_review=True)
    actions.upload(order)
    actions.refuse_scan(order)
    assert (order.scans.get().state, Entitlement.objects.exists()) == (ScanState.REFUSED, False)
    assert list_violations() == set()


@pytest.mark.slow
def test_a_card_opens_the_rights_without_a_look():
    order = OrderFactory(in_review=True)
    actions.settle_by_card(order)
    order.refresh_from_db()
    assert (order.state, is_usable(order, at_day(60))) == (OrderState.PAID, True)
    assert list_violations() == set()


@pytest.mark.slow
def test_nothing_is_confirmed_prolonged_or_settled_before_the_look():
    order = OrderFactory(in_review=True)
    for act in (actions.confirm, actions.prolong, actions.pay):
        assert_refused("not_in_this_state", act, order)


@pytest.mark.slow
def test_orders_to_be_reviewed_count_among_the_unsigned_ones():
    whose = typed_school()
    for _ in range(MAX_UNSIGNED_ORDERS):
        OrderFactory(placed=True, classes=10, affiliation=whose)
    assert_refused("previous_order_lapsed", OrderFactory, placed=True, classes=10, affiliation=whose)


@pytest.mark.slow
def test_an_account_with_an_order_to_be_reviewed_has_an_unpaid_order():
    order = OrderFactory(in_review=True)
    assert personal_data.list_unpaid_orders(order.placed_by) == [order]


@pytest.mark.slow
def test_its_purchase_order_promises_no_rights_at_once():
    order = OrderFactory(in_review=True)
    sheet = extract_text(get_or_create_purchase_order(order, at=TERM))
    assert "une fois la commande vérifiée" in sheet
    assert "Utilisables dès" not in sheet
    open_rights(order, at=at_day(1))
    assert "Utilisables dès" in extract_text(get_or_create_purchase_order(order, at=at_day(2)))
