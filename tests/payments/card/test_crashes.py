"""A process killed while settling a payment leaves all or nothing; simultaneous settlements."""

import json
import os
import random
import signal
import subprocess
import sys

import pytest
from django.utils import timezone
from payments import PaymentStatus

from licensing.books.billing.models import Invoice
from licensing.payments import card
from licensing.payments.card_providers import ACCEPTED, ProviderNotification
from licensing.payments.models import CardPayment, ProviderEvent
from tests.factories.payments import StartedPaymentFactory
from tests.payments.card.effects import NO_EFFECTS, PAID_ONCE, get_effects
from tests.races import run_concurrently
from tests.workers import ROOT, database_url

#: The process is killed at every 12th statement, from a random first one.
STEP = 12


def create_accepted_payment():
    """Return a payment that the bank accepted and that is not settled yet."""
    payment = StartedPaymentFactory()
    CardPayment.objects.filter(pk=payment.pk).update(
        transaction_id=f"{ACCEPTED}-{payment.token}", status=PaymentStatus.INPUT
    )
    return CardPayment.objects.get(pk=payment.pk)


@pytest.fixture
def settling(committing):
    """Settle a payment in a process that is killed at a point; return the process's result."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.payments.card.crashing_settlement"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}", "DATABASE_URL": database_url()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:

        def settle(payment, point):
            process.stdin.write(json.dumps([payment.pk, point]) + "\n")
            process.stdin.flush()
            return int(process.stdout.readline())

        yield settle
        process.stdin.close()


@pytest.mark.slow
def test_a_process_killed_between_a_payment_and_its_rights_leaves_both_or_neither(settling):
    statements = settling(create_accepted_payment(), None)
    assert statements > 20
    payment = create_accepted_payment()
    for point in [*range(random.randint(1, STEP), statements + 1, STEP), "commit"]:  # noqa: S311 - a point, no secret
        assert settling(payment, point) == -signal.SIGKILL
        assert get_effects(payment.order) == NO_EFFECTS, point
        payment.refresh_from_db()
        assert payment.status == PaymentStatus.INPUT
    assert settling(payment, "committed") == -signal.SIGKILL
    assert get_effects(payment.order) == PAID_ONCE
    # The next look settles it, and the invoice numbers have no gap.
    card.poll_payment(payment, at=timezone.now())
    assert get_effects(payment.order) == PAID_ONCE
    assert list(Invoice.objects.order_by("pk").values_list("sequence", flat=True)) == [1, 2]


@pytest.mark.slow
def test_what_fails_after_the_rights_are_opened_leaves_neither_payment_nor_rights(db, monkeypatch):
    payment = create_accepted_payment()
    with monkeypatch.context() as patch:
        patch.setattr("licensing.payments.card.record_refunds", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            card.poll_payment(payment, at=timezone.now())
    assert get_effects(payment.order) == NO_EFFECTS
    payment.refresh_from_db()
    assert payment.status == PaymentStatus.INPUT
    card.poll_payment(payment, at=timezone.now())
    assert get_effects(payment.order) == PAID_ONCE


def test_eight_simultaneous_notifications_settle_a_payment_once(committing):
    payment = create_accepted_payment()
    event = ProviderNotification(number="evt_1", kind="checkout.session.completed", token=payment.token)
    notifications = [event, None] * 4
    run_concurrently(
        "public",
        [lambda event=event: card.poll_payment(payment, at=timezone.now(), event=event) for event in notifications],
        expected_errors=(),
    )
    assert get_effects(payment.order) == PAID_ONCE
    assert ProviderEvent.objects.count() == 1
