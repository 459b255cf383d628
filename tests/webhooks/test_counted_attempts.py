"""Each request to a receiver is counted by its outcome, and each delivery that is given up."""

import datetime

import pytest

from tests.figures import raised_figures
from tests.webhooks import receiver as behaviours
from tests.webhooks.events import FakeClock, deliver_due, emit_events, make_issued_event
from webhooks import leases
from webhooks.models import Delivery


@pytest.mark.slow
def test_an_attempt_is_counted_by_its_outcome(endpoint, receiver):
    emit_events(make_issued_event(1), make_issued_event(2))
    with raised_figures() as raised:
        deliver_due(endpoint)
    assert raised == {"peps_webhook_attempt_seconds_count delivered": 2}
    receiver.behaviour = behaviours.respond_with(500)
    emit_events(make_issued_event(3))
    with raised_figures() as raised:
        deliver_due(endpoint)
    assert raised == {"peps_webhook_attempt_seconds_count refused": 1}


def test_a_delivery_that_is_given_up_is_counted_with_or_without_a_last_attempt(endpoint, receiver):
    receiver.behaviour = behaviours.respond_with(500)
    emit_events(make_issued_event(1), make_issued_event(2))
    _, second = Delivery.objects.order_by("pk")
    clock = FakeClock()
    clock.advance(days=3, seconds=1)
    Delivery.objects.filter(pk=second.pk).update(next_at=clock() + datetime.timedelta(hours=1))
    with raised_figures() as raised:
        deliver_due(endpoint, clock)
    assert raised == {"peps_webhook_attempt_seconds_count refused": 1, "peps_webhooks_given_up_total": 1}
    clock.advance(hours=2)
    with raised_figures() as raised:
        assert leases.fail_overdue(at=clock()) == 1
    assert raised == {"peps_webhooks_given_up_total": 1}
