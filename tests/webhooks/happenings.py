"""Emits events as operations do, and delivers them as a worker does."""

from __future__ import annotations

import datetime

from django.utils import timezone

from webhooks.drain import drain
from webhooks.operations import EventType, Happening, emit


def issued(number, units=1):
    return Happening(EventType.ALLOCATION_ISSUED, f"allocation:{number}", {"allocation": number, "units": units})


def happen(*events, at=None):
    """Emit events, by default dated a hundred milliseconds ago."""
    return emit(events=events, at=at or timezone.now() - datetime.timedelta(milliseconds=100))


class Clock:
    """A clock for the drain; `pass_` moves it on."""

    def __init__(self):
        self.ahead = datetime.timedelta()

    def __call__(self):
        return timezone.now() + self.ahead

    def pass_(self, **duration):
        self.ahead += datetime.timedelta(**duration)


def told(endpoint, clock=timezone.now, **given):
    """Deliver what is due to an endpoint; return the number delivered."""
    return drain(endpoint_id=endpoint.pk, clock=clock, **given)
