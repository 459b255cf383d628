"""A process killed while settling a payment leaves all or nothing; simultaneous settlements."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys

import pytest
from django.utils import timezone
from payments import PaymentStatus

from licensing.orders.card import asking
from licensing.orders.card.demonstration import ACCEPTED
from licensing.orders.card.outcomes import Event
from licensing.orders.models import CardPayment, Invoice, ProviderEvent
from tests.orders.card.ordering import NOTHING, SETTLED, begun, effects
from tests.races import at_once
from tests.workers import ROOT, database_url

#: The process is killed at every 12th statement, from a random first one.
STEP = 12


def accepted():
    """Return a payment that the bank accepted and that is not settled yet."""
    payment = begun()
    CardPayment.objects.filter(pk=payment.pk).update(
        transaction_id=f"{ACCEPTED}-{payment.token}", status=PaymentStatus.INPUT
    )
    return CardPayment.objects.get(pk=payment.pk)


@pytest.fixture
def settling(committing):
    """Settle a payment in a process that is killed at a point; return the process's result."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.orders.card.killed"],
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


def test_a_process_killed_between_a_payment_and_its_rights_leaves_both_or_neither(settling):
    statements = settling(accepted(), None)
    assert statements > 20
    payment = accepted()
    for point in [*range(random.randint(1, STEP), statements + 1, STEP), "commit"]:  # noqa: S311 - a point, no secret
        assert settling(payment, point) == -signal.SIGKILL
        assert effects(payment.order) == NOTHING, point
        payment.refresh_from_db()
        assert payment.status == PaymentStatus.INPUT
    assert settling(payment, "committed") == -signal.SIGKILL
    assert effects(payment.order) == SETTLED
    # The next look settles it, and the invoice numbers have no gap.
    asking.look_again(payment, at=timezone.now())
    assert effects(payment.order) == SETTLED
    assert list(Invoice.objects.order_by("pk").values_list("sequence", flat=True)) == [1, 2]


def test_eight_simultaneous_notifications_settle_a_payment_once(committing):
    payment = accepted()
    event = Event(number="evt_1", kind="checkout.session.completed", token=payment.token)
    notifications = [event, None] * 4
    at_once(
        "public",
        [lambda event=event: asking.look_again(payment, at=timezone.now(), event=event) for event in notifications],
        refusals=(),
    )
    assert effects(payment.order) == SETTLED
    assert ProviderEvent.objects.count() == 1
