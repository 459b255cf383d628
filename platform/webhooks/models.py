"""Events, endpoints, deliveries and attempts. All in the tenant's schema.

A `WebhookEvent` is written by `operations.emit` in the causing transaction, if somebody listens. A `Delivery` is one
event for one endpoint: written with the event, then updated by `leases` only. Each HTTP request is an `Attempt`.
Nothing here holds an activation key, a token or a person's name; secrets are sealed.
"""

import datetime
from typing import ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import OuterRef, Q, Subquery

from core.models import LockableQuerySet
from webhooks.event_types import get_event_type_label


class DisabledReason(models.TextChoices):
    """Why an endpoint is disabled."""

    MANUAL = "manual", "par un gestionnaire"
    GONE = "gone", "le destinataire a répondu 410 : il ne veut plus rien recevoir"
    DELETED = "deleted", "supprimé"


class WebhookEndpointQuerySet(LockableQuerySet["WebhookEndpoint"]):
    def kept(self) -> Self:
        """Filter endpoints that are not deleted."""
        return self.filter(deleted_at__isnull=True)

    def listening(self) -> Self:
        return self.filter(is_enabled=True)


class WebhookEndpoint(models.Model):
    """A URL of the collectivity's information system that receives events."""

    #: Maximum length of the URL.
    MAX_URL_LENGTH = 500

    url = models.CharField("adresse", max_length=MAX_URL_LENGTH)
    # Empty: all types, including future ones. See `event_types`.
    types = ArrayField(models.CharField(max_length=30), verbose_name="événements", default=list)
    sealed_secret = models.BinaryField()
    # The secret before the last rotation; also signs until `previous_until`.
    sealed_previous = models.BinaryField(null=True)
    previous_until = models.DateTimeField(null=True)
    is_enabled = models.BooleanField("activé", default=True)
    disabled_reason = models.CharField("désactivé", max_length=10, choices=DisabledReason, blank=True)
    # Consecutive rounds without a success; they set the pause (`leases.get_pause`).
    failures = models.PositiveSmallIntegerField("échecs de suite", default=0)
    failing_since = models.DateTimeField("en échec depuis", null=True)
    paused_until = models.DateTimeField("en pause jusqu'à", null=True)
    created_at = models.DateTimeField("créé le")
    created_by_id = models.BigIntegerField(null=True)
    deleted_at = models.DateTimeField(null=True)

    objects = WebhookEndpointQuerySet.as_manager()

    class Meta:
        verbose_name = "webhook"
        constraints: ClassVar = [
            # The same URL twice would receive each event twice.
            models.UniqueConstraint(
                name="endpoint_once_an_address", fields=["url"], condition=Q(deleted_at__isnull=True)
            ),
            models.CheckConstraint(
                name="endpoint_previous_secret_ends",
                condition=Q(sealed_previous__isnull=True, previous_until__isnull=True)
                | Q(sealed_previous__isnull=False, previous_until__isnull=False),
            ),
            models.CheckConstraint(
                name="endpoint_off_says_why",
                condition=Q(is_enabled=True, disabled_reason="") | (Q(is_enabled=False) & ~Q(disabled_reason="")),
            ),
            models.CheckConstraint(
                name="endpoint_deleted_is_off",
                condition=Q(deleted_at__isnull=True) | Q(is_enabled=False, disabled_reason="deleted"),
            ),
        ]

    def __str__(self) -> str:
        return self.url

    @property
    def rotation(self) -> str:
        """Version of the secret, for optimistic locking of rotations."""
        return self.previous_until.isoformat() if self.previous_until else ""


class WebhookEvent(models.Model):
    """Something that happened in the collectivity. Kept 30 days."""

    # Sent as `webhook-id`, the same at every attempt.
    public_id = models.CharField(max_length=40, unique=True)
    type = models.CharField(max_length=30)
    # « allocation:12 ». Events of one subject are delivered in order.
    subject = models.CharField(max_length=60)
    at = models.DateTimeField()
    data = models.JSONField()

    class Meta:
        verbose_name = "événement"
        indexes: ClassVar = [
            models.Index(name="event_at", fields=["at"]),
            models.Index(name="event_subject", fields=["subject", "id"]),
        ]

    def __str__(self) -> str:
        return f"{self.type} ({self.subject})"

    @property
    def type_label(self) -> str:
        """Return the French label of the type."""
        return get_event_type_label(self.type)


class DeliveryState(models.TextChoices):
    PENDING = "pending", "En attente"
    DELIVERED = "delivered", "Remis"
    FAILED = "failed", "Abandonné"


class DeliveryQuerySet(LockableQuerySet["Delivery"]):
    def pending(self) -> Self:
        return self.filter(state=DeliveryState.PENDING)

    def first_per_subject(self) -> Self:
        """Filter the first pending delivery of each endpoint and subject; the others wait for it."""
        # A correlated subquery uses the index `delivery_in_order` for each row; with NOT EXISTS the planner would join
        # all pending rows with themselves to find sixteen.
        first = Delivery.objects.filter(
            endpoint_id=OuterRef("endpoint_id"), subject=OuterRef("subject"), state=DeliveryState.PENDING
        )
        return self.pending().filter(pk=Subquery(first.order_by("pk").values("pk")[:1]))

    def overdue_at(self, moment: datetime.datetime, *, since: datetime.timedelta) -> Self:
        """Filter pending deliveries past `gives_up_at` by at least `since`, and not leased."""
        return self.pending().filter(gives_up_at__lte=moment - since, next_at__lte=moment)


class Delivery(models.Model):
    """One event for one endpoint."""

    endpoint = models.ForeignKey(
        WebhookEndpoint, on_delete=models.DB_CASCADE, db_index=False, related_name="deliveries"
    )
    event = models.ForeignKey(WebhookEvent, on_delete=models.DB_CASCADE, related_name="deliveries")
    # Copied from the event, for the index on the delivery order.
    subject = models.CharField(max_length=60)
    state = models.CharField("état", max_length=10, choices=DeliveryState, default=DeliveryState.PENDING)
    # Since creation or the last replay.
    attempts = models.PositiveSmallIntegerField("tentatives", default=0)
    # While pending: earliest next attempt. While leased: the end of the lease.
    next_at = models.DateTimeField("prochain essai")
    # Set while a worker sends it. Also identifies the lease: a worker whose lease was lost writes nothing.
    lease_until = models.DateTimeField(null=True)
    gives_up_at = models.DateTimeField("abandonné le")
    settled_at = models.DateTimeField("réglé le", null=True)
    # Of the last attempt, or why it failed for good; in French.
    reason = models.CharField("motif", max_length=300, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name = "envoi"
        constraints: ClassVar = [
            models.UniqueConstraint(name="delivery_once_an_endpoint", fields=["event", "endpoint"]),
            models.CheckConstraint(
                name="delivery_pending_or_settled",
                condition=Q(state="pending", settled_at__isnull=True)
                | (~Q(state="pending") & Q(settled_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="delivery_leased_while_pending", condition=Q(lease_until__isnull=True) | Q(state="pending")
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="delivery_due", fields=["endpoint", "next_at", "id"], condition=Q(state="pending")),
            models.Index(name="delivery_in_order", fields=["endpoint", "subject", "id"], condition=Q(state="pending")),
            models.Index(name="delivery_of_endpoint", fields=["endpoint", "-id"]),
        ]

    def __str__(self) -> str:
        return f"Envoi n° {self.pk}"


class Attempt(models.Model):
    """One HTTP request and its response."""

    delivery = models.ForeignKey(Delivery, on_delete=models.DB_CASCADE, related_name="tries")
    at = models.DateTimeField("le")
    duration = models.PositiveIntegerField("durée, en millisecondes")
    # None: no response.
    status = models.PositiveSmallIntegerField("réponse", null=True)
    # Why it failed, in French; empty if delivered.
    reason = models.CharField("motif", max_length=300, blank=True)
    # Beginning of the response body, sanitised.
    answer = models.CharField("début de la réponse", max_length=500, blank=True)

    class Meta:
        verbose_name = "tentative"

    def __str__(self) -> str:
        return f"{self.at}: {self.status or self.reason}"
