"""Webhook events of requests: counts and states, never a person's name nor what somebody wrote."""

from __future__ import annotations

from typing import Any

from licensing.requests.models import LicenceRequest
from webhooks.operations import EventType, NewEvent

EVENT_TYPES = {"created": EventType.REQUEST_CREATED, "withdrawn": EventType.REQUEST_WITHDRAWN}


def build_event(kind: EventType, request: LicenceRequest, **more: Any) -> NewEvent:
    """Return the event of a request: its number, school, school year and how many licences it asks for."""
    data = {
        "request": request.pk,
        "uai": request.school_id,
        "school_year": request.school_year,
        "units": request.units,
    }
    return NewEvent(kind, f"request:{request.pk}", data | more)
