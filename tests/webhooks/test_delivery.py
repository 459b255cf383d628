"""Delivering events: failures are retried, recorded, and delay no other delivery."""

import pytest
from django.utils import timezone

from tests.mailing.test_priority_and_clock import ClockAhead
from tests.tiers import sampled
from tests.waiting_jobs import list_waiting_jobs
from tests.webhooks import receiver as behaviours
from tests.webhooks.events import FakeClock, deliver_due, emit_events, fail_until_given_up, make_issued_event
from webhooks import http_client, leases
from webhooks.models import Attempt, Delivery, DeliveryState, WebhookEndpoint


@pytest.fixture
def hasty(monkeypatch):
    """Half a second per attempt instead of ten."""
    monkeypatch.setattr(http_client, "REQUEST_TIMEOUT", 0.5)
    monkeypatch.setattr(http_client, "BODY_TIMEOUT", 0.2)


@pytest.mark.slow
def test_due_events_are_sent_and_responses_stored(endpoint, receiver):
    receiver.behaviour = behaviours.respond_with(201, "reçu\n\x00 <b>".encode())
    emit_events(make_issued_event(1, units=3))
    assert deliver_due(endpoint) == 1
    [one] = receiver.received
    assert (one.path, one.content["type"], one.content["data"]) == (
        "/crochet", "allocation.issued", {"allocation": 1, "units": 3}
    )  # fmt: skip
    assert one.headers["content-type"] == "application/json"
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts, delivery.reason) == ("delivered", 1, "")
    attempt = Attempt.objects.get()
    assert (attempt.status, attempt.reason, attempt.answer) == (201, "", "reçu <b>")
    assert deliver_due(endpoint) == 0


@pytest.mark.parametrize(
    ("behaviour", "result"),
    sampled(
        [
            (behaviours.respond_with(500), (500, "Le serveur du destinataire est en panne (réponse 500).")),
            (behaviours.respond_with(400), (400, "Le destinataire n'a pas compris l'envoi (réponse 400).")),
            (behaviours.respond_with(418), (418, "Le destinataire a refusé l'envoi (réponse 418).")),
            (behaviours.respond_with(302, Location="/ailleurs"), (302, leases.explain_status(302))),
            (behaviours.hang, (None, leases.TIMED_OUT)),
            (behaviours.drip_headers, (None, leases.TIMED_OUT)),
            (behaviours.send_endless_continue, (None, leases.TIMED_OUT)),
            (behaviours.hang_up, (None, leases.CONNECTION_LOST)),
            (behaviours.send_garbage, (None, leases.NOT_HTTP)),
            # The status cannot be parsed: at-least-once delivery prefers a duplicate.
            (behaviours.send_long_body, (None, leases.NOT_HTTP)),
        ],
        fast=2,
    ),
)
def test_a_failed_delivery_is_retried_with_its_reason_stored(endpoint, receiver, request, behaviour, result):
    receiver.behaviour, (status, reason) = behaviour, result
    if reason == leases.TIMED_OUT:
        # The others answer, however slowly.
        request.getfixturevalue("hasty")
    emit_events(make_issued_event(1))
    assert deliver_due(endpoint) == 0
    delivery, attempt = Delivery.objects.get(), Attempt.objects.get()
    assert (delivery.state, delivery.attempts, delivery.reason) == ("pending", 1, reason)
    assert (attempt.status, attempt.reason) == (status, reason)
    assert delivery.next_at > attempt.at
    assert len(receiver.received) == 1
    clock = FakeClock()
    # One that hangs is left alone for thirty seconds after its first time.
    clock.advance(seconds=31 if reason == leases.TIMED_OUT else 6)
    receiver.behaviour = behaviours.respond_with(200)
    assert deliver_due(endpoint, clock) == 1
    assert receiver.received[0].id == receiver.received[1].id


@pytest.mark.slow
@pytest.mark.parametrize(
    "behaviour",
    [
        behaviours.send_short_body,
        behaviours.send_endless_chunks,
        behaviours.drip_body,
        behaviours.send_gzip_bomb,
    ],
)
def test_a_2xx_counts_whatever_follows(endpoint, receiver, hasty, behaviour):
    receiver.behaviour = behaviour
    emit_events(make_issued_event(1), make_issued_event(2))
    assert deliver_due(endpoint) == 2
    assert len(receiver.received) == 2
    assert all(len(attempt.answer) <= http_client.MAX_BODY_LENGTH for attempt in Attempt.objects.all())
    # A wrong Content-Length spoils its own connection only.
    receiver.behaviour = behaviours.respond_with(200)
    emit_events(make_issued_event(3))
    assert deliver_due(endpoint) == 1


@pytest.mark.slow
def test_an_unreachable_host_and_an_unknown_name_are_reported(endpoint, receiver, monkeypatch):
    WebhookEndpoint.objects.update(url="http://127.0.0.1:1/")
    emit_events(make_issued_event(1))
    assert deliver_due(endpoint) == 0
    assert Delivery.objects.get().reason == leases.CONNECTION_REFUSED
    WebhookEndpoint.objects.update(url="http://nulle-part.invalid/", failing_since=None)
    emit_events(make_issued_event(2))
    assert deliver_due(endpoint) == 0
    assert Delivery.objects.get(subject="allocation:2").reason == leases.HOST_UNREACHABLE


@pytest.mark.slow
def test_connections_are_reused(endpoint, receiver):
    emit_events(*(make_issued_event(number) for number in range(100)))
    assert deliver_due(endpoint) == 100
    assert receiver.connections <= http_client.MAX_CONCURRENT_REQUESTS


@pytest.mark.slow
def test_events_are_ordered_per_subject(endpoint, receiver):
    clock = FakeClock()
    receiver.behaviour = lambda handler: handler.respond(
        500 if handler.received.content["data"]["allocation"] == 1 else 200
    )
    emit_events(
        make_issued_event(1, 1),
        make_issued_event(2, 1),
        make_issued_event(1, 2),
        make_issued_event(2, 2),
        make_issued_event(1, 3),
        make_issued_event(2, 3),
    )
    assert deliver_due(endpoint, clock) == 3
    assert [one["data"]["units"] for one in receiver.contents if one["data"]["allocation"] == 2] == [1, 2, 3]
    assert [one["data"]["units"] for one in receiver.contents if one["data"]["allocation"] == 1] == [1]
    receiver.behaviour = behaviours.respond_with(200)
    clock.advance(seconds=6)
    assert deliver_due(endpoint, clock) == 3
    assert [one["data"]["units"] for one in receiver.contents if one["data"]["allocation"] == 1] == [1, 1, 2, 3]


@pytest.mark.slow
def test_a_failing_delivery_is_retried_for_three_days(endpoint, receiver):
    receiver.behaviour = behaviours.respond_with(500)
    clock = FakeClock()
    emit_events(make_issued_event(1), make_issued_event(1))
    fail_until_given_up(endpoint, clock)
    assert 70 < clock.ahead.total_seconds() / 3600 < 74
    first, second = Delivery.objects.order_by("pk")
    assert first.state == DeliveryState.FAILED
    assert first.reason == "Abandonné au bout de trois jours sans succès. " + leases.explain_status(500)
    assert first.attempts == first.tries.count() >= 15
    assert second.state == DeliveryState.PENDING or second.attempts == 0


@pytest.mark.slow
def test_an_endpoint_that_hangs_is_paused_after_its_first_round(endpoint, receiver, hasty):
    receiver.behaviour = behaviours.hang
    clock = FakeClock()
    emit_events(*(make_issued_event(number) for number in range(60)))
    for _ in range(50):
        deliver_due(endpoint, clock)
    assert len(receiver.received) == http_client.MAX_CONCURRENT_REQUESTS
    endpoint.refresh_from_db()
    assert endpoint.paused_until > clock()
    assert endpoint.failing_since is not None
    receiver.behaviour = behaviours.respond_with(200)
    clock.advance(minutes=2)
    assert deliver_due(endpoint, clock) == 60
    endpoint.refresh_from_db()
    assert (endpoint.failures, endpoint.failing_since, endpoint.paused_until) == (0, None, None)


@pytest.mark.slow
def test_a_failing_endpoint_is_probed_with_one_request_then_paused(endpoint, receiver):
    receiver.behaviour = behaviours.respond_with(500)
    clock = FakeClock()
    emit_events(*(make_issued_event(number) for number in range(60)))
    for _ in range(50):
        deliver_due(endpoint, clock)
    # One batch, then a single probe, then a pause.
    assert len(receiver.received) == http_client.MAX_CONCURRENT_REQUESTS + 1
    endpoint.refresh_from_db()
    assert endpoint.paused_until > clock()


def test_a_410_disables_the_endpoint(endpoint, receiver):
    receiver.behaviour = behaviours.respond_with(410)
    emit_events(make_issued_event(1))
    assert deliver_due(endpoint) == 0
    endpoint.refresh_from_db()
    assert (endpoint.is_enabled, endpoint.disabled_reason) == (False, "gone")
    clock = FakeClock()
    clock.advance(hours=1)
    assert deliver_due(endpoint, clock) == 0
    assert len(receiver.received) == 1


@pytest.mark.slow
def test_a_drain_out_of_time_yields_and_is_rescheduled(endpoint, receiver):
    emit_events(*(make_issued_event(number) for number in range(40)))
    before = len(list_waiting_jobs("webhooks.drain"))
    assert deliver_due(endpoint, budget=0.0) == 0
    assert len(list_waiting_jobs("webhooks.drain")) == before + 1
    assert deliver_due(endpoint) == 40


def test_a_worker_whose_clock_is_ahead_leaves_what_another_is_sending(endpoint, receiver, monkeypatch):
    emit_events(make_issued_event(1))
    [held] = leases.claim(endpoint_id=endpoint.pk, limit=1, at=timezone.now())
    monkeypatch.setattr("django.utils.timezone.datetime", ClockAhead)
    assert timezone.now() > held.lease_until
    assert deliver_due(endpoint) == 0
    assert receiver.received == []
