"""Refusals on a placed order (scans, payments, rights, cancellation), which change nothing."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pytest

from collectivities.models import AuditEntry
from licensing.catalogue.models import SchoolTier
from licensing.orders import card, operations
from licensing.orders.card import settling, starting
from licensing.orders.card.outcomes import Opened, Outcome, Stage, cents
from licensing.orders.exceptions import BadScan
from licensing.orders.models import (
    CardPayment,
    Invoice,
    Order,
    OrderEvent,
    OrderState,
    Payment,
    ScanState,
)
from licensing.orders.operations.placing import MOST_AWAITED
from licensing.orders.operations.receiving import MOST_SCANS
from schools.models import Verification
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.orders import lifecycle
from tests.orders.lifecycle import SCAN, on
from tests.orders.refusing import refused

pytestmark = pytest.mark.django_db


# --- Scans ----------------------------------------------------------------------------------------------------------


def test_a_scan_is_a_pdf_or_an_image_of_four_megabytes_at_most():
    order = lifecycle.placed()
    for content in (b"", b"<html>", b"GIF89a", b"PK\x03\x04", SCAN.ljust(4 * 1024 * 1024 + 1)):
        with pytest.raises(BadScan):
            lifecycle.upload(order, content=content)
    for content, kind in (
        (SCAN, "application/pdf"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
    ):
        scan = operations.receive_scan(
            order_id=order.pk,
            filename="C:\\scans\\../" + "é" * 300 + ".exe",
            content=content,
            by=order.placed_by,
            at=TERM,
        )
        assert (scan.content_type, len(scan.filename), "/" in scan.filename) == (kind, 200, False)


def test_one_scan_waits_the_same_sent_twice_is_one_and_what_is_decided_stays():
    order = lifecycle.placed()
    first = lifecycle.upload(order)
    assert lifecycle.upload(order) == first
    second = lifecycle.upload(order, content=SCAN + b" bis")
    by = lifecycle.operator()
    refused("nothing_to_check", operations.refuse_scan, scan_id=first.pk, reason="Vide.", by=by, at=TERM)
    refused("no_reason", operations.refuse_scan, scan_id=second.pk, reason=" ", by=by, at=TERM)
    lifecycle.confirm(order)
    refused("nothing_to_check", operations.refuse_scan, scan_id=second.pk, reason="Vide.", by=by, at=TERM)
    assert [*order.scans.order_by("pk").values_list("state", flat=True)] == [ScanState.REFUSED, ScanState.ACCEPTED]


def test_a_purchase_order_came_in_on_the_day_it_was_uploaded_or_else_confirmed():
    uploaded, posted = lifecycle.scanned(), lifecycle.placed()
    for order in (uploaded, posted):
        lifecycle.confirm(order, at=on(3))
    assert (uploaded.received_at, posted.received_at) == (TERM, on(3))


def test_the_number_of_scans_is_limited():
    order = lifecycle.placed()
    for number in range(MOST_SCANS):
        lifecycle.upload(order, content=SCAN + bytes([number]))
    assert "écrivez-nous" in refused("bad_scan", lifecycle.upload, order, content=SCAN + b" encore")
    lifecycle.confirm(order)


def test_a_card_that_pays_leaves_no_scan_to_check():
    order = lifecycle.scanned()
    operations.settle_by_card(card_payment_id=lifecycle.charged(order).pk, at=TERM)
    assert (order.scans.get().state, order.scans.get().reason) == (ScanState.REFUSED, "Commande réglée par carte.")


# --- Payments -------------------------------------------------------------------------------------------------------


def test_payments_are_recorded_once_and_rights_become_firm_when_paid_in_full():
    order = lifecycle.confirmed()
    for code, given in (
        ("bad_amount", {"amount": "0"}),
        ("bad_amount", {"amount": "-1"}),
        ("bad_amount", {"amount": "199.01"}),
        ("bad_reference", {"reference": "  "}),
    ):
        refused(code, lifecycle.pay, order, **given)
    by = lifecycle.operator()
    refused(
        "bad_date", operations.record_payment, order_id=order.pk, method="cheque", amount=Decimal(199),
        received_on=on(1).date(), reference="1", by=by, at=TERM,
    )  # fmt: skip
    assert not Payment.objects.exists()
    first = lifecycle.pay(order, amount="75", reference="CHQ  1")
    assert lifecycle.pay(order, amount="75", reference="CHQ 1") == first
    # A second instalment with the same reference as the first.
    assert lifecycle.pay(order, amount="75", reference="CHQ 1", at=on(9)) != first
    assert "49,00 € à régler" in refused("bad_amount", lifecycle.pay, order, amount="49.01").replace("\u202f", " ")
    assert lifecycle.dates(order)[1] is not None
    lifecycle.pay(order, amount="49", reference="CHQ 2")
    order.refresh_from_db()
    assert (order.state, operations.balance(order), lifecycle.dates(order)) == ("paid", 0, (None, None, False))


def test_a_payment_is_refunded_once_and_only_when_not_needed():
    order = lifecycle.paid()
    by = lifecycle.operator()
    payment = order.payments.get()
    refused("not_in_this_state", operations.refund, payment_id=payment.pk, by=by, at=TERM)
    # Also paid by card at the same time: one of the two is in excess.
    card = operations.settle_by_card(card_payment_id=lifecycle.charged(order).pk, at=TERM).payments.get(method="card")
    back = operations.refund(payment_id=card.pk, by=None, at=TERM)
    assert operations.refund(payment_id=card.pk, by=None, at=TERM) == back
    assert (back.amount, back.card, operations.balance(order)) == (-order.total_ttc, card.card, 0)
    refused("not_in_this_state", operations.refund, payment_id=back.pk, by=by, at=TERM)
    refused("not_in_this_state", operations.refund, payment_id=payment.pk, by=by, at=TERM)
    lifecycle.cancel(order)
    operations.refund(payment_id=payment.pk, by=by, at=TERM)
    assert (operations.received(order), lifecycle.breaches()) == (0, set())


def test_a_card_charged_for_another_sum_is_not_taken_for_the_order_s():
    order = lifecycle.by_card()
    card = lifecycle.charged(order)
    card.total = Decimal("198.99")
    card.save()
    refused("bad_amount", operations.settle_by_card, card_payment_id=card.pk, at=TERM)
    assert (Payment.objects.count(), Invoice.objects.count(), lifecycle.usable(order, TERM)) == (0, 0, False)


def test_a_card_that_pays_all_of_what_a_cheque_has_paid_in_part_is_not_taken():
    order = lifecycle.confirmed()
    card_payment = lifecycle.charged(order)
    lifecycle.pay(order, amount="100")
    refused("bad_amount", operations.settle_by_card, card_payment_id=card_payment.pk, at=TERM)
    order.refresh_from_db()
    assert (order.state, operations.received(order)) == (OrderState.CONFIRMED, Decimal("100.00"))


def told_by_the_provider(order, *, at=TERM):
    """Settle a new card payment of the order at that moment."""
    attempt = card.start(order_id=order.pk, by=order.placed_by, at=TERM)
    attempt = starting.remember(payment_id=attempt.pk, opened=Opened(reference=f"cs-{attempt.pk}", address=""))

    def pay():
        outcome = Outcome(
            reference=attempt.transaction_id, token=attempt.token, stage=Stage.PAID, amount=cents(attempt.total),
            currency="EUR",
        )  # fmt: skip
        settling.learn(payment_id=attempt.pk, outcome=outcome, at=at)
        order.refresh_from_db()

    return pay


def test_a_card_payment_for_a_year_that_just_ended_is_refunded():
    order = lifecycle.by_card()
    told_by_the_provider(order, at=datetime.datetime(2027, 8, 31, 22, 5, tzinfo=datetime.UTC))()
    assert (order.state, order.payments.count(), order.invoices.count()) == (OrderState.DRAFT, 0, 0)
    assert "remboursement demandé" in CardPayment.objects.get().message


def test_an_attempt_that_came_to_nothing_holds_neither_price_nor_terms(monkeypatch):
    order = lifecycle.by_card()
    card.start(order_id=order.pk, by=order.placed_by, at=TERM)
    with monkeypatch.context() as later:
        later.setattr(lifecycle.terms, "CURRENT", "2099-01")
        refused("not_to_pay", card.start, order_id=order.pk, by=order.placed_by, at=on(90))
    SchoolTier.objects.update(price_ttc=Decimal("299.00"))
    refused("price_changed", card.start, order_id=order.pk, by=order.placed_by, at=on(90))


# --- Provisional rights ---------------------------------------------------------------------------------------------


def test_a_stranger_s_order_does_not_keep_the_principal_from_buying():
    school = SchoolFactory()
    stranger = AffiliationFactory(user=PrincipalFactory(), school=school)
    principals = [
        AffiliationFactory(user=PrincipalFactory(), school=school, verified_at=TERM, verified_by=Verification.MAILBOX)
        for _ in range(2)
    ]
    for whose in (stranger, principals[0]):
        lifecycle.placed(affiliation=whose)
    operations.remind_and_lapse(on(46))
    refused("lapsed_before", lifecycle.put, lifecycle.draft(affiliation=principals[1], at=on(47)), at=on(47))
    Order.objects.filter(placed_by=principals[0].user).update(state=OrderState.CANCELLED, cancelled_at=on(47))
    assert lifecycle.put(lifecycle.draft(affiliation=principals[1], at=on(47)), at=on(47)).state == OrderState.PLACED
    another = AffiliationFactory(user=PrincipalFactory(), school=school)
    refused("lapsed_before", lifecycle.put, lifecycle.draft(affiliation=another, at=on(47)), at=on(47))


def test_so_many_orders_of_one_buyer_await_their_purchase_order_and_no_more():
    whose = AffiliationFactory(user=PrincipalFactory())
    for _ in range(MOST_AWAITED):
        order = lifecycle.placed(affiliation=whose)
    refused("lapsed_before", lifecycle.placed, affiliation=whose)
    lifecycle.confirm(order)
    assert lifecycle.placed(affiliation=whose).state == OrderState.PLACED


# --- Cancellation ---------------------------------------------------------------------------------------------------


def test_an_order_ends_for_a_reason_and_a_grant_is_suspended_instead(nimes):
    order = lifecycle.paid()
    by = lifecycle.operator()
    refused("no_reason", operations.cancel, order_id=order.pk, reason="", by=by, at=TERM)
    refused("no_reason", operations.reinvoice, invoice_id=order.invoices.get().pk, reason=" ", by=by, at=TERM)
    grant = operations.grant(collectivity=nimes, licences=1, reason="Essai", by=None, at=TERM).source.order_line.order
    refused("not_in_this_state", operations.cancel, order_id=grant.pk, reason="Fin.", by=by, at=TERM)
    refused("unknown_order", operations.cancel, order_id=0, reason="Fin.", by=by, at=TERM)
    lifecycle.cancel(order)
    credit = order.invoices.get(kind="credit_note")
    assert (credit.corrects.total_ttc, credit.total_ttc) == (Decimal("199.00"), Decimal("199.00"))
    assert not lifecycle.usable(order, TERM)


def test_every_step_of_a_collectivity_s_order_is_in_its_journal(nimes):
    order = lifecycle.collectivity_draft(nimes)
    lifecycle.put(order)
    lifecycle.confirm(order)
    lifecycle.pay(order)
    steps = [*OrderEvent.objects.order_by("pk").values_list("action", flat=True)]
    assert steps == ["placed", "confirmed", "payment_recorded", "paid"]
    written = AuditEntry.objects.filter(action__startswith="orders.").order_by("pk").values_list("action", flat=True)
    assert [*written] == [f"orders.{step}" for step in steps]
