"""Delivering events: failures are retried, recorded, and delay no other delivery."""

from __future__ import annotations

import pytest

from jobs.queue import waiting
from tests.webhooks import receiver as behaviours
from tests.webhooks.happenings import Clock, happen, issued, told
from webhooks import answers, sending
from webhooks.models import Attempt, Delivery, DeliveryState, Endpoint


@pytest.fixture
def hasty(monkeypatch):
    """Half a second per attempt instead of ten."""
    monkeypatch.setattr(sending, "DEADLINE", 0.5)
    monkeypatch.setattr(sending, "CONTENT_DEADLINE", 0.2)


def test_due_events_are_sent_and_responses_stored(endpoint, receiver):
    receiver.behaviour = behaviours.answers(201, "reçu\n\x00 <b>".encode())
    happen(issued(1, units=3))
    assert told(endpoint) == 1
    [one] = receiver.received
    assert (one.path, one.content["type"], one.content["data"]) == (
        "/crochet", "allocation.issued", {"allocation": 1, "units": 3}
    )  # fmt: skip
    assert one.headers["content-type"] == "application/json"
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts, delivery.reason) == ("delivered", 1, "")
    attempt = Attempt.objects.get()
    assert (attempt.status, attempt.reason, attempt.answer) == (201, "", "reçu <b>")
    assert told(endpoint) == 0


@pytest.mark.parametrize(
    "case",
    [
        (behaviours.answers(500), 500, "Le serveur du destinataire est en panne (réponse 500)."),
        (behaviours.answers(400), 400, "Le destinataire n'a pas compris l'envoi (réponse 400)."),
        (behaviours.answers(418), 418, "Le destinataire a refusé l'envoi (réponse 418)."),
        (behaviours.answers(302, Location="/ailleurs"), 302, answers.explain(302)),
        (behaviours.hangs, None, answers.TIMED_OUT),
        (behaviours.drips_headers, None, answers.TIMED_OUT),
        (behaviours.continues_for_ever, None, answers.TIMED_OUT),
        (behaviours.hangs_up, None, answers.BROKEN),
        (behaviours.says_no_http, None, answers.NOT_HTTP),
        # The status cannot be parsed: at-least-once delivery prefers a duplicate.
        (behaviours.says_more_than_it_promised, None, answers.NOT_HTTP),
    ],
)
def test_a_failed_delivery_is_retried_with_its_reason_stored(endpoint, receiver, hasty, case):
    receiver.behaviour, status, reason = case
    happen(issued(1))
    assert told(endpoint) == 0
    delivery, attempt = Delivery.objects.get(), Attempt.objects.get()
    assert (delivery.state, delivery.attempts, delivery.reason) == ("pending", 1, reason)
    assert (attempt.status, attempt.reason) == (status, reason)
    assert delivery.next_at > attempt.at
    assert len(receiver.received) == 1
    clock = Clock()
    clock.pass_(seconds=6)
    receiver.behaviour = behaviours.answers(200)
    assert told(endpoint, clock) == 1
    assert receiver.received[0].id == receiver.received[1].id


@pytest.mark.parametrize(
    "behaviour",
    [
        behaviours.promises_more_than_it_says,
        behaviours.never_ends,
        behaviours.drips_content,
        behaviours.sends_a_bomb,
    ],
)
def test_a_2xx_counts_whatever_follows(endpoint, receiver, hasty, behaviour):
    receiver.behaviour = behaviour
    happen(issued(1), issued(2))
    assert told(endpoint) == 2
    assert len(receiver.received) == 2
    assert all(len(attempt.answer) <= answers.KEPT for attempt in Attempt.objects.all())
    # A wrong Content-Length spoils its own connection only.
    receiver.behaviour = behaviours.answers(200)
    happen(issued(3))
    assert told(endpoint) == 1


def test_an_unreachable_host_and_an_unknown_name_are_reported(endpoint, receiver, monkeypatch):
    Endpoint.objects.update(url="http://127.0.0.1:1/")
    happen(issued(1))
    assert told(endpoint) == 0
    assert Delivery.objects.get().reason == answers.NO_SERVER
    Endpoint.objects.update(url="http://nulle-part.invalid/", failing_since=None)
    happen(issued(2))
    assert told(endpoint) == 0
    assert Delivery.objects.get(subject="allocation:2").reason == answers.NO_NAME


def test_connections_are_reused(endpoint, receiver):
    happen(*(issued(number) for number in range(100)))
    assert told(endpoint) == 100
    assert receiver.connections <= sending.AT_ONCE


def test_events_are_ordered_per_subject(endpoint, receiver):
    clock = Clock()
    receiver.behaviour = lambda handler: handler.say(
        500 if handler.received.content["data"]["allocation"] == 1 else 200
    )
    happen(issued(1, 1), issued(2, 1), issued(1, 2), issued(2, 2), issued(1, 3), issued(2, 3))
    assert told(endpoint, clock) == 3
    assert [one["data"]["units"] for one in receiver.told if one["data"]["allocation"] == 2] == [1, 2, 3]
    assert [one["data"]["units"] for one in receiver.told if one["data"]["allocation"] == 1] == [1]
    receiver.behaviour = behaviours.answers(200)
    clock.pass_(seconds=6)
    assert told(endpoint, clock) == 3
    assert [one["data"]["units"] for one in receiver.told if one["data"]["allocation"] == 1] == [1, 1, 2, 3]


def test_a_failing_delivery_is_retried_for_three_days(endpoint, receiver):
    receiver.behaviour = behaviours.answers(500)
    clock = Clock()
    happen(issued(1), issued(1))
    while Delivery.objects.order_by("pk").first().state == DeliveryState.PENDING:
        told(endpoint, clock)
        clock.pass_(minutes=15)
    assert 70 < clock.ahead.total_seconds() / 3600 < 74
    first, second = Delivery.objects.order_by("pk")
    assert first.state == DeliveryState.FAILED
    assert first.reason == "Abandonné au bout de trois jours sans succès. " + answers.explain(500)
    assert first.attempts == first.tries.count() >= 15
    assert second.state == DeliveryState.PENDING or second.attempts == 0


def test_a_failing_endpoint_is_probed_with_one_request_then_paused(endpoint, receiver, hasty):
    receiver.behaviour = behaviours.hangs
    clock = Clock()
    happen(*(issued(number) for number in range(60)))
    for _ in range(50):
        told(endpoint, clock)
    # One batch, then a single probe, then a pause.
    assert len(receiver.received) == sending.AT_ONCE + 1
    endpoint.refresh_from_db()
    assert endpoint.paused_until > clock()
    assert endpoint.failing_since is not None
    receiver.behaviour = behaviours.answers(200)
    clock.pass_(minutes=2)
    assert told(endpoint, clock) == 60
    endpoint.refresh_from_db()
    assert (endpoint.failures, endpoint.failing_since, endpoint.paused_until) == (0, None, None)


def test_a_410_disables_the_endpoint(endpoint, receiver):
    receiver.behaviour = behaviours.answers(410)
    happen(issued(1))
    assert told(endpoint) == 0
    endpoint.refresh_from_db()
    assert (endpoint.is_enabled, endpoint.off_because) == (False, "gone")
    clock = Clock()
    clock.pass_(hours=1)
    assert told(endpoint, clock) == 0
    assert len(receiver.received) == 1


def test_a_drain_out_of_time_yields_and_is_rescheduled(endpoint, receiver):
    happen(*(issued(number) for number in range(40)))
    before = len(waiting("webhooks.drain"))
    assert told(endpoint, budget=0.0) == 0
    assert len(waiting("webhooks.drain")) == before + 1
    assert told(endpoint) == 40
