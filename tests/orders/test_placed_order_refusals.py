"""Refusals on a placed order (scans, payments, rights, cancellation), which change nothing."""

import datetime
from decimal import Decimal

import pytest

from collectivities.models import AuditEntry
from licensing.books.billing import operations as billing_operations
from licensing.books.billing.models import Invoice
from licensing.books.billing.queries import get_amount_received, get_balance
from licensing.catalogue import terms
from licensing.catalogue.models import SchoolTier
from licensing.orders import operations, purchase_orders
from licensing.orders.models import Order, OrderEvent, OrderState, ScanState
from licensing.orders.operations import MAX_UNSIGNED_ORDERS
from licensing.orders.purchase_orders import MAX_SCANS_PER_ORDER
from licensing.payments import card
from licensing.payments import operations as payment_operations
from licensing.payments.card_providers import ProviderSession
from licensing.payments.models import CardPayment, Payment
from schools.models import Verification
from tests.conftest import TERM
from tests.factories.accounts import OperatorFactory, PrincipalFactory
from tests.factories.orders import OrderFactory, PurchaseFactory
from tests.factories.payments import CardPaymentFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.orders import actions
from tests.orders.assertions import assert_refused, get_deadlines, is_usable, list_violations
from tests.orders.dates import at_day
from tests.refusals import refuses

pytestmark = pytest.mark.django_db


# --- Scans ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_scan_is_a_pdf_or_an_image_of_four_megabytes_at_most():
    order = OrderFactory(placed=True)
    for content in (b"", b"<html>", b"GIF89a", b"PK\x03\x04", actions.SCAN.ljust(4 * 1024 * 1024 + 1)):
        with refuses("invalid_scan"):
            actions.upload(order, content=content)
    for content, kind in (
        (actions.SCAN, "application/pdf"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
    ):
        scan = purchase_orders.receive_scan(
            order_id=order.pk,
            filename="C:\\scans\\../" + "é" * 300 + ".exe",
            content=content,
            by=order.placed_by,
            at=TERM,
        )
        assert (scan.content_type, len(scan.filename), "/" in scan.filename) == (kind, 200, False)


@pytest.mark.slow
def test_one_scan_waits_the_same_sent_twice_is_one_and_what_is_decided_stays():
    order = OrderFactory(placed=True)
    first = actions.upload(order)
    assert actions.upload(order) == first
    second = actions.upload(order, content=actions.SCAN + b" bis")
    by = OperatorFactory()
    assert_refused("nothing_to_check", purchase_orders.refuse_scan, scan_id=first.pk, reason="Vide.", by=by, at=TERM)
    assert_refused("no_reason", purchase_orders.refuse_scan, scan_id=second.pk, reason=" ", by=by, at=TERM)
    actions.confirm(order)
    assert_refused("nothing_to_check", purchase_orders.refuse_scan, scan_id=second.pk, reason="Vide.", by=by, at=TERM)
    assert [*order.scans.order_by("pk").values_list("state", flat=True)] == [ScanState.REFUSED, ScanState.ACCEPTED]


@pytest.mark.slow
def test_a_purchase_order_came_in_on_the_day_it_was_uploaded_or_else_confirmed():
    uploaded, posted = OrderFactory(scanned=True), OrderFactory(placed=True)
    for order in (uploaded, posted):
        actions.confirm(order, at=at_day(3))
    assert (uploaded.received_at, posted.received_at) == (TERM, at_day(3))


@pytest.mark.slow
def test_the_number_of_scans_is_limited():
    order = OrderFactory(placed=True)
    for number in range(MAX_SCANS_PER_ORDER):
        actions.upload(order, content=actions.SCAN + bytes([number]))
    assert "écrivez-nous" in assert_refused("invalid_scan", actions.upload, order, content=actions.SCAN + b" encore")
    actions.confirm(order)


@pytest.mark.slow
def test_the_number_of_scans_of_a_day_is_limited(monkeypatch):
    monkeypatch.setattr("licensing.orders.purchase_orders.MAX_SCANS_PER_DAY", 2)
    affiliation = AffiliationFactory(user=PrincipalFactory())
    order, *others = (OrderFactory(placed=True, affiliation=affiliation) for _ in range(3))
    for other in others:
        actions.upload(other)
    assert "depuis hier" in assert_refused("invalid_scan", actions.upload, order)
    assert actions.upload(order, at=at_day(2)).state == ScanState.WAITING


@pytest.mark.slow
def test_a_card_that_pays_leaves_no_scan_to_check():
    order = OrderFactory(scanned=True)
    actions.settle_by_card(order)
    assert (order.scans.get().state, order.scans.get().reason) == (ScanState.REFUSED, "Commande réglée par carte.")


# --- Payments -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_payment_is_received_within_the_order_s_life():
    order, by = OrderFactory(confirmed=True), OperatorFactory()

    def pay(days):
        return payment_operations.record_payment(
            order_id=order.pk,
            method="cheque",
            amount=Decimal("99.00"),
            received_on=at_day(days).date(),
            reference="Chèque 7",
            by=by,
            at=at_day(3),
        )

    assert "n'est pas le sien" in assert_refused("invalid_date", pay, -1)
    assert "n'est pas encore venu" in assert_refused("invalid_date", pay, 4)
    for days in (0, 3):
        pay(days)


@pytest.mark.slow
def test_payments_are_recorded_once_and_rights_become_firm_when_paid_in_full():
    order = OrderFactory(confirmed=True)
    for code, given in (
        ("invalid_amount", {"amount": "0"}),
        ("invalid_amount", {"amount": "-1"}),
        ("invalid_reference", {"reference": "  "}),
    ):
        assert_refused(code, actions.pay, order, **given)
    by = OperatorFactory()
    assert_refused(
        "invalid_date", payment_operations.record_payment, order_id=order.pk, method="cheque", amount=Decimal(199),
        received_on=at_day(1).date(), reference="1", by=by, at=TERM,
    )  # fmt: skip
    assert not Payment.objects.exists()
    first = actions.pay(order, amount="75", reference="CHQ  1")
    assert actions.pay(order, amount="75", reference="CHQ 1") == first
    # A second instalment with the same reference as the first.
    assert actions.pay(order, amount="75", reference="CHQ 1", at=at_day(9)) != first
    assert get_deadlines(order)[1] is not None
    actions.pay(order, amount="49", reference="CHQ 2")
    order.refresh_from_db()
    assert (order.state, get_balance(order), get_deadlines(order)) == (
        "paid",
        0,
        (None, None, False),
    )


@pytest.mark.slow
def test_a_payment_is_refunded_once_and_only_when_not_needed():
    order = OrderFactory(paid=True)
    by = OperatorFactory()
    payment = order.payments.get()
    assert_refused("not_in_this_state", payment_operations.refund, payment_id=payment.pk, by=by, at=TERM)
    # Also paid by card at the same time: one of the two is in excess.
    twice = actions.settle_by_card(order).payments.get(method="card")
    back = card.refund(payment_id=twice.pk, by=None, at=TERM)
    assert card.refund(payment_id=twice.pk, by=None, at=TERM) == back
    assert (back.amount, back.card, get_balance(order)) == (-order.total_ttc, twice.card, 0)
    assert_refused("not_in_this_state", payment_operations.refund, payment_id=back.pk, by=by, at=TERM)
    assert_refused("not_in_this_state", payment_operations.refund, payment_id=payment.pk, by=by, at=TERM)
    actions.cancel(order)
    payment_operations.refund(payment_id=payment.pk, by=by, at=TERM)
    assert (get_amount_received(order), list_violations()) == (0, set())


def test_a_card_charged_for_another_sum_is_not_taken_for_the_order_s():
    order = OrderFactory(by_card=True)
    charge = CardPaymentFactory(order=order)
    charge.total = Decimal("198.99")
    charge.save()
    assert_refused("invalid_amount", payment_operations.settle_by_card, card_payment_id=charge.pk, at=TERM)
    assert (Payment.objects.count(), Invoice.objects.count(), is_usable(order, TERM)) == (0, 0, False)


@pytest.mark.slow
def test_a_card_that_pays_all_of_what_a_cheque_has_paid_in_part_is_not_taken():
    order = OrderFactory(confirmed=True)
    card_payment = CardPaymentFactory(order=order)
    actions.pay(order, amount="100")
    assert_refused("invalid_amount", payment_operations.settle_by_card, card_payment_id=card_payment.pk, at=TERM)
    order.refresh_from_db()
    assert (order.state, get_amount_received(order)) == (OrderState.CONFIRMED, Decimal("100.00"))


def settle_card_payment(order, *, at=TERM):
    """Settle a new card payment of the order at that moment."""
    attempt = card.start_attempt(order_id=order.pk, by=order.placed_by, at=TERM)
    attempt = card.record_session(
        payment_id=attempt.pk, session=ProviderSession(reference=f"cs-{attempt.pk}", address="")
    )

    def pay():
        actions.record_charge(attempt, at=at)
        order.refresh_from_db()

    return pay


@pytest.mark.slow
def test_a_card_payment_for_a_year_that_just_ended_is_refunded():
    order = OrderFactory(by_card=True)
    settle_card_payment(order, at=datetime.datetime(2027, 8, 31, 22, 5, tzinfo=datetime.UTC))()
    assert (order.state, order.payments.count(), order.invoices.count()) == (OrderState.DRAFT, 0, 0)
    assert "remboursement demandé" in CardPayment.objects.get().message


@pytest.mark.slow
def test_an_attempt_that_came_to_nothing_holds_neither_price_nor_terms(monkeypatch):
    order = OrderFactory(by_card=True)
    card.start_attempt(order_id=order.pk, by=order.placed_by, at=TERM)
    with monkeypatch.context() as later:
        later.setattr(terms, "CURRENT", "2099-01")
        assert_refused("nothing_to_pay", card.start_attempt, order_id=order.pk, by=order.placed_by, at=at_day(90))
    SchoolTier.objects.update(price_ttc=Decimal("299.00"))
    assert_refused("price_changed", card.start_attempt, order_id=order.pk, by=order.placed_by, at=at_day(90))


# --- Provisional rights ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_stranger_s_order_does_not_keep_the_principal_from_buying():
    school = SchoolFactory()
    stranger = AffiliationFactory(user=PrincipalFactory(), school=school)
    principals = [
        AffiliationFactory(user=PrincipalFactory(), school=school, verified_at=TERM, verified_by=Verification.MAILBOX)
        for _ in range(2)
    ]
    for whose in (stranger, principals[0]):
        OrderFactory(placed=True, affiliation=whose)
    purchase_orders.remind_and_lapse(at_day(46))
    assert_refused(
        "previous_order_lapsed",
        OrderFactory,
        placed=True,
        affiliation=principals[1],
        at=at_day(47),
    )
    Order.objects.filter(placed_by=principals[0].user).update(state=OrderState.CANCELLED, cancelled_at=at_day(47))
    assert OrderFactory(placed=True, affiliation=principals[1], at=at_day(47)).state == OrderState.PLACED
    another = AffiliationFactory(user=PrincipalFactory(), school=school)
    assert_refused(
        "previous_order_lapsed",
        OrderFactory,
        placed=True,
        affiliation=another,
        at=at_day(47),
    )


@pytest.mark.slow
def test_so_many_orders_of_one_buyer_await_their_purchase_order_and_no_more():
    whose = AffiliationFactory(user=PrincipalFactory())
    for _ in range(MAX_UNSIGNED_ORDERS):
        order = OrderFactory(placed=True, affiliation=whose)
    assert_refused("previous_order_lapsed", OrderFactory, placed=True, affiliation=whose)
    actions.confirm(order)
    assert OrderFactory(placed=True, affiliation=whose).state == OrderState.PLACED


# --- Cancellation ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_order_ends_for_a_reason_and_a_grant_is_suspended_instead(nimes):
    order = OrderFactory(paid=True)
    by = OperatorFactory()
    assert_refused("no_reason", billing_operations.cancel, order_id=order.pk, reason="", by=by, at=TERM)
    assert_refused(
        "no_reason", billing_operations.reissue_invoice, invoice_id=order.invoices.get().pk, reason=" ", by=by, at=TERM
    )
    grant = operations.grant(
        collectivity=nimes, licences=1, reason="Essai", by=None, at=TERM
    ).entitlement.order_line.order
    assert_refused("not_in_this_state", billing_operations.cancel, order_id=grant.pk, reason="Fin.", by=by, at=TERM)
    assert_refused("unknown_order", billing_operations.cancel, order_id=0, reason="Fin.", by=by, at=TERM)
    actions.cancel(order)
    credit = order.invoices.get(kind="credit_note")
    assert (credit.corrects.total_ttc, credit.total_ttc) == (Decimal("199.00"), Decimal("199.00"))
    assert not is_usable(order, TERM)


@pytest.mark.slow
def test_every_step_of_a_collectivity_s_order_is_in_its_journal(nimes):
    PurchaseFactory(paid=True)
    steps = [*OrderEvent.objects.order_by("pk").values_list("action", flat=True)]
    assert steps == ["placed", "confirmed", "payment_recorded", "paid"]
    written = AuditEntry.objects.filter(action__startswith="orders.").order_by("pk").values_list("action", flat=True)
    assert [*written] == [f"orders.{step}" for step in steps]
