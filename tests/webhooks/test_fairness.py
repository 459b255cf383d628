"""Fairness between offices: real hanging receivers, real workers, real commits."""

import threading

import pytest
from django.db.models import Q
from django.utils import timezone
from django_tenants.utils import tenant_context
from procrastinate.contrib.django.models import ProcrastinateJob

from tenants.models import Collectivity
from tests.waits import LAST_S, wait_until
from tests.webhooks import receiver as behaviours
from tests.webhooks.events import emit_events, make_issued_event
from tests.webhooks.receiver import Receiver
from tests.workers import running_worker
from webhooks import endpoints, leases
from webhooks.models import Attempt, Delivery, WebhookEndpoint


@pytest.fixture
def environment(reachable):
    """Environment of a worker process that may reach local receivers, with two threads for them."""
    return {"WEBHOOKS_ALLOW_HTTP": "True", "WEBHOOKS_PRIVATE_NETWORKS": "127.0.0.0/8", "WEBHOOKS_THREADS": "2"}


def add_endpoints(receiver, count):
    return [
        endpoints.add(url=f"{receiver.url}/{number}", types=[], by_id=None, at=timezone.now()).endpoint
        for number in range(count)
    ]


def emit_to_gard(count):
    with tenant_context(Collectivity.objects.get(slug="gard")):
        emit_events(*(make_issued_event(number) for number in range(count)), at=timezone.now())


@pytest.fixture
def sound(committing, environment):
    """A sound receiver of another office."""
    with Receiver() as receiver:
        with tenant_context(Collectivity.objects.get(slug="gard")):
            add_endpoints(receiver, 1)
        yield receiver


@pytest.mark.slow
@pytest.mark.parametrize("behaviour", [behaviours.hang, behaviours.respond_after(20.0)])
def test_twenty_hanging_receivers_of_an_office_delay_no_other_office(committing, environment, sound, behaviour):
    with Receiver(behaviour) as hanging:
        add_endpoints(hanging, 20)
        emit_events(*(make_issued_event(number) for number in range(50)), at=timezone.now())
        with running_worker(**environment):
            # Each of the twenty has its first round at the same time.
            hanging.wait_for(20 * 16)
            emit_to_gard(192)
            sound.wait_for(192)
            # They are left alone after ten seconds, and asked again half a minute later.
            wait_until(lambda: WebhookEndpoint.objects.filter(paused_until__isnull=False).count() == 20)
            assert len(hanging.received) == 20 * 16
            assert Delivery.objects.pending().count() == 20 * 50
            emit_to_gard(10)
            sound.wait_for(202)
    # A job for each commit and a plan or two, not thousands.
    assert ProcrastinateJob.objects.filter(task_name="webhooks.drain").count() < 15


@pytest.mark.slow
def test_slow_receivers_of_an_office_delay_no_other_office(committing, environment, sound):
    """They answer once the other office has all of its events."""
    is_served = threading.Event()
    with Receiver(behaviours.respond_once(is_served)) as slow:
        add_endpoints(slow, 20)
        emit_events(*(make_issued_event(number) for number in range(40)), at=timezone.now())
        with running_worker(**environment, WEBHOOKS_PATIENCE=str(LAST_S)):
            slow.wait_for(20)
            emit_to_gard(192)
            sound.wait_for(192)
            assert not Attempt.objects.exists()
            is_served.set()
            wait_until(lambda: Attempt.objects.filter(status=200).exists())


@pytest.mark.slow
def test_an_event_of_a_sound_receiver_does_not_wait_for_a_hanging_one(committing, environment):
    patient = environment | {"WEBHOOKS_PATIENCE": str(LAST_S)}
    with Receiver(behaviours.hang) as hanging, Receiver() as prompt, running_worker(**patient):
        add_endpoints(hanging, 5)
        add_endpoints(prompt, 1)
        emit_events(make_issued_event(1), at=timezone.now())
        hanging.wait_for(5)
        emit_events(make_issued_event(2), at=timezone.now())
        prompt.wait_for(2)


@pytest.mark.slow
def test_a_worker_whose_clock_is_ahead_respects_the_leases_of_others(committing, environment):
    with Receiver() as receiver:
        [endpoint] = add_endpoints(receiver, 1)
        emit_events(make_issued_event(1), at=timezone.now())
        # Another worker is sending the first event, for some sixty seconds at most.
        assert leases.claim(endpoint_id=endpoint.pk, limit=1, at=timezone.now())
        with running_worker(**environment, CLOCK_AHEAD="400"):
            emit_events(make_issued_event(2), at=timezone.now())
            receiver.wait_for(1)
            due = ProcrastinateJob.objects.filter(Q(status="doing") | Q(status="todo", scheduled_at=None))
            wait_until(lambda: not due.exists())
        assert [content["data"]["allocation"] for content in receiver.contents] == [2]
