"""Webhook events of requests for unused licences: counts and states, never a sentence or a person's name."""

from __future__ import annotations

from typing import Any

from django.db import models

from licensing.pools.models import ALLOCATION_TOPIC, Allocation
from licensing.returns.models import ReturnRequest
from webhooks.operations import NewEvent


class ReturnEvent(models.TextChoices):
    REQUESTED = "return.requested", "Licences demandées à une école"
    ANSWERED = "return.answered", "Réponse d'une école"


def build_requested_event(request: ReturnRequest, allocation: Allocation) -> NewEvent:
    """Return the event of a request that a school may answer."""
    return _build(ReturnEvent.REQUESTED, request, allocation, {})


def build_answered_event(request: ReturnRequest, allocation: Allocation) -> NewEvent:
    """Return the event of a request that ended: accepted, declined or withdrawn."""
    outcome = {"outcome": str(request.outcome), "returned": request.returned_units}
    return _build(ReturnEvent.ANSWERED, request, allocation, outcome)


def _build(kind: ReturnEvent, request: ReturnRequest, allocation: Allocation, more: dict[str, Any]) -> NewEvent:
    data = {
        "request": request.pk,
        "allocation": allocation.pk,
        "pool": allocation.pool_id,
        "uai": allocation.school_id,
        "units": request.units,
    }
    return NewEvent(kind, f"{ALLOCATION_TOPIC}:{allocation.pk}", data | more)
