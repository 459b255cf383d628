"""Webhook events of requests: counts and states, never a person's name nor what somebody wrote."""

from __future__ import annotations

from typing import Any

from django.db import models

from licensing.requests.models import LicenceRequest
from webhooks.operations import NewEvent


class RequestEvent(models.TextChoices):
    CREATED = "request.created", "Licences demandées par une école"
    WITHDRAWN = "request.withdrawn", "Demande retirée par l'école"
    ACCEPTED = "request.accepted", "Demande acceptée"
    REFUSED = "request.refused", "Demande refusée"


EVENT_TYPES = {"created": RequestEvent.CREATED, "withdrawn": RequestEvent.WITHDRAWN}


def build_event(kind: RequestEvent, request: LicenceRequest, **more: Any) -> NewEvent:
    """Return the event of a request: its number, school, school year and how many licences it asks for."""
    data = {
        "request": request.pk,
        "uai": request.school_id,
        "school_year": request.school_year,
        "units": request.units,
    }
    return NewEvent(kind, f"request:{request.pk}", data | more)
