"""Two « Transmettre » at once, workers side by side, and a worker that is killed: each invoice is sent once."""

import json
import random
import signal
import subprocess
import sys
import threading

import pytest
from django.db import transaction
from django.utils import timezone
from django_tenants.utils import schema_context

from licensing.books.billing import invoicing
from licensing.books.billing.models import PlatformState, PlatformStatus
from licensing.books.billing.operations import record_deposit
from licensing.books.billing.transmission import delivery, operations
from licensing.books.billing.transmission.models import Transmission, TransmissionState
from licensing.books.billing.transmission.platforms import PlatformStory
from licensing.orders.models import OrderEvent
from licensing.orders.order_events import lock_order
from tests.billing.transmission.fake_chorus_pro import (
    CLIENT_ID,
    CLIENT_SECRET,
    LOGIN,
    PASSWORD,
    FakeChorusProServer,
)
from tests.billing.transmission.scripted_platform import entry
from tests.billing.transmission.test_chorus_pro import PATH as CHORUS_PRO_PATH
from tests.conftest import TERM
from tests.factories.accounts import UserFactory
from tests.factories.orders import StoredOrderFactory
from tests.races import run_concurrently, wait_for_blocked_session
from tests.waits import wait_until
from tests.workers import ROOT, build_environment

pytestmark = pytest.mark.slow


def issue_invoice():
    with schema_context("public"), transaction.atomic():
        return invoicing.issue_invoice(StoredOrderFactory(five_classes=True, school=None), at=TERM)


def test_simultaneous_requests_send_an_invoice_once(committing, script):
    invoices = [issue_invoice().pk, issue_invoice().pk]
    asked = run_concurrently(
        "public",
        [lambda: operations.request_transmissions(invoice_ids=invoices, by=None, at=timezone.now())] * 6,
        expected_errors=(),
    )
    assert sum(asked) == 2
    # Several workers find them at once.
    run_concurrently("public", [delivery.deliver_due] * 4, expected_errors=())
    assert len(script.sent) == 2
    assert set(Transmission.objects.values_list("state", flat=True)) == {"sent"}


def test_requests_that_share_an_order_do_not_wait_for_each_other_in_a_circle(committing, script):
    """One has the first order and awaits the second, whose holder queues the same job: that is queued last."""
    first, second = issue_invoice(), issue_invoice()
    is_held = threading.Event()

    def ask_for_second():
        with transaction.atomic():
            lock_order(second.order_id)
            is_held.set()
            wait_for_blocked_session()
            return operations.request_transmissions(invoice_ids=[second.pk], by=None, at=timezone.now())

    def ask_for_both():
        wait_until(is_held.is_set)
        invoices = [first.pk, second.pk]
        return operations.request_transmissions(invoice_ids=invoices, by=None, at=timezone.now())

    assert sum(run_concurrently("public", [ask_for_second, ask_for_both], expected_errors=())) == 2
    assert Transmission.objects.count() == 2


@pytest.mark.small
def test_what_is_noted_by_hand_while_it_is_asked_for_goes_one_way(committing, script):
    """« Noter comme déposés » in one window and « Transmettre » in another: never both."""
    invoice = issue_invoice()
    with schema_context("public"):
        operator = UserFactory()
    done = run_concurrently(
        "public",
        [
            lambda: operations.request_transmissions(invoice_ids=[invoice.pk], by=None, at=timezone.now()),
            lambda: record_deposit(invoice_ids=[invoice.pk], by=operator, at=timezone.now()),
        ]
        * 4,
        expected_errors=(),
    )
    assert sum(done) == 1
    assert Transmission.objects.count() + PlatformStatus.objects.count() == 1


def test_simultaneous_stories_are_recorded_once(committing, script):
    invoice = issue_invoice()
    operations.request_transmissions(invoice_ids=[invoice.pk], by=None, at=TERM)
    delivery.deliver_due()
    entries = tuple(entry(state, TERM) for state in (PlatformState.DEPOSITED, PlatformState.RECEIVED))
    story = PlatformStory(verdict=TransmissionState.ACCEPTED, entries=entries)
    number = Transmission.objects.get().pk
    run_concurrently(
        "public",
        [lambda: operations.record_story(transmission_id=number, story=story, at=timezone.now())] * 6,
        expected_errors=(),
    )
    assert PlatformStatus.objects.count() == 2


@pytest.fixture
def chorus_pro(committing, settings):
    """A fake Chorus Pro, of this process and of those that it starts."""
    with FakeChorusProServer() as fake:
        fake.bodies["21300189400012"] = False
        settings.INVOICE_PLATFORMS = {"chorus_pro": (CHORUS_PRO_PATH, fake.account)}
        yield fake


@pytest.fixture
def delivering(chorus_pro):
    """Deliver a transmission in a process that is killed at a point; return the process's result."""
    variables = {
        "CHORUS_PRO_CLIENT_ID": CLIENT_ID,
        "CHORUS_PRO_CLIENT_SECRET": CLIENT_SECRET,
        "CHORUS_PRO_LOGIN": LOGIN,
        "CHORUS_PRO_PASSWORD": PASSWORD,
        "CHORUS_PRO_TOKEN_URL": chorus_pro.account.token_url,
        "CHORUS_PRO_API_BASE": chorus_pro.account.api_base,
    }
    with subprocess.Popen(
        [sys.executable, "-m", "tests.billing.transmission.crashing_delivery"],
        cwd=ROOT,
        env=build_environment(**variables),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:

        def deliver(transmission, point):
            process.stdin.write(json.dumps([transmission.pk, point]) + "\n")
            process.stdin.flush()
            return int(process.stdout.readline())

        yield deliver
        process.stdin.close()


def test_a_worker_that_is_killed_leaves_an_invoice_on_chorus_pro_once(chorus_pro, delivering):
    """Killed at any statement, before or after a commit: the next worker goes on, and the invoice is there once."""
    statements = delivering(ask_for(issue_invoice()), None)
    assert statements > 10
    # After the last statement the invoice is deposited, and nothing of it is recorded.
    for point in (random.randint(1, statements - 1), statements, "commit", "committed"):  # noqa: S311 - a point
        invoice = issue_invoice()
        transmission = ask_for(invoice)
        assert delivering(transmission, point) == -signal.SIGKILL
        chorus_pro.integrate()
        for _ in range(3):
            transmission.refresh_from_db()
            delivery.deliver(transmission)
            chorus_pro.integrate()
        transmission.refresh_from_db()
        assert (transmission.state, transmission.message) == ("accepted", ""), point
        assert list(invoice.statuses.values_list("state", flat=True)) == ["deposited"]
        assert OrderEvent.objects.filter(order=invoice.order, action="platform_sent").count() == 1
    assert len(chorus_pro.deposits) > len(chorus_pro.invoices)


def ask_for(invoice) -> Transmission:
    operations.request_transmissions(invoice_ids=[invoice.pk], by=None, at=timezone.now())
    return Transmission.objects.get(invoice=invoice)
