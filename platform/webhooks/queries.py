"""Queries on events, endpoints and deliveries."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Count, Q, QuerySet

from webhooks.models import Delivery, DeliveryState, WebhookEndpoint, WebhookEvent


def get_last_event_type(subject: str, *, among: Collection[str]) -> str | None:
    """Return the type of a subject's last event among these types; None if there is none. One query."""
    events = WebhookEvent.objects.filter(subject=subject, type__in=among).order_by("-pk")
    return events.values_list("type", flat=True).first()


def list_endpoints_with_counts() -> QuerySet[WebhookEndpoint]:
    """Return the endpoints that are not deleted, annotated with delivery counts `waiting` and `given_up`."""
    return WebhookEndpoint.objects.kept().annotate(
        waiting=Count("deliveries", filter=Q(deliveries__state=DeliveryState.PENDING)),
        given_up=Count("deliveries", filter=Q(deliveries__state=DeliveryState.FAILED)),
    )


def list_deliveries(endpoint_id: int) -> QuerySet[Delivery]:
    """Return the deliveries of an endpoint that is not deleted, with their events."""
    return Delivery.objects.select_related("event").filter(endpoint_id=endpoint_id, endpoint__deleted_at=None)
