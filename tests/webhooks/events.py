"""Emits events as operations do, and delivers them as a worker does."""

import datetime

from django.utils import timezone

from licensing.pools.events import PoolEvent
from webhooks.drain import drain
from webhooks.models import Delivery, DeliveryState, WebhookEndpoint, WebhookEvent
from webhooks.operations import NewEvent, emit


def make_issued_event(number, units=1):
    return NewEvent(PoolEvent.ALLOCATION_ISSUED, f"allocation:{number}", {"allocation": number, "units": units})


def emit_events(*events, at=None):
    """Emit events, by default dated a hundred milliseconds ago."""
    return emit(events=events, at=at or timezone.now() - datetime.timedelta(milliseconds=100))


def emitted_events():
    """Return the events emitted since the last call: type, subject and data."""
    events = list(WebhookEvent.objects.order_by("pk"))
    WebhookEvent.objects.all().delete()
    return [(event.type, event.subject, event.data) for event in events]


class FakeClock:
    """A clock for the drain; `advance` moves it on."""

    def __init__(self):
        self.ahead = datetime.timedelta()

    def __call__(self):
        return timezone.now() + self.ahead

    def advance(self, **duration):
        self.ahead += datetime.timedelta(**duration)


def deliver_due(endpoint, clock=None, **given):
    """Deliver what is due in the office; return the number delivered to the endpoint, None if another drain runs."""
    delivered = endpoint.deliveries.filter(state=DeliveryState.DELIVERED)
    before = delivered.count()
    return None if drain(clock=clock, **given) is None else delivered.count() - before


def fail_until_given_up(endpoint, clock):
    """Try the first delivery at each of its moments, until it is given up; the receiver fails each time."""
    while (first := Delivery.objects.order_by("pk").first()).state == DeliveryState.PENDING:
        deliver_due(endpoint, clock)
        first.refresh_from_db()
        paused_until = WebhookEndpoint.objects.get(pk=endpoint.pk).paused_until
        next_at = max(moment for moment in (first.next_at, paused_until, clock()) if moment is not None)
        clock.ahead = next_at + datetime.timedelta(seconds=1) - timezone.now()
