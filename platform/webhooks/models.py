"""What happened, who is told of it, and what became of telling. All of it in the collectivity's schema.

An `Event` is written by `operations.emit`, in the transaction of what happened, where somebody listens. A `Delivery`
is one event for one endpoint: written with the event, and from then on by `claims` alone. Each try is an `Attempt`.
Nothing here holds an activation key, a token, or anybody's name; secrets are sealed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import OuterRef, Q, Subquery

if TYPE_CHECKING:
    import datetime


class EventType(models.TextChoices):
    ALLOCATION_ISSUED = "allocation.issued", "Licences attribuées"
    ALLOCATION_REDEEMED = "allocation.redeemed", "Clé activée"
    ALLOCATION_EXHAUSTED = "allocation.exhausted", "Licences toutes utilisées"
    ALLOCATION_REVOKED = "allocation.revoked", "Attribution reprise"
    SEAT_HELD = "seat.held", "Licence utilisée"
    SEAT_RELEASED = "seat.released", "Licence libérée"
    MESSAGE_BOUNCED = "message.bounced", "E-mail en échec"
    POOL_LOW = "pool.low", "Lot presque épuisé"
    ORDER_PAID = "order.paid", "Commande réglée"
    TEST = "webhook.test", "Essai"


#: What an endpoint may ask for; a test is sent to whoever asked for it.
SUBSCRIBABLE = tuple(kind for kind in EventType if kind != EventType.TEST)


class Off(models.TextChoices):
    """Why an endpoint receives nothing."""

    MANUAL = "manual", "par un gestionnaire"
    GONE = "gone", "le destinataire a répondu 410 : il ne veut plus rien recevoir"
    DELETED = "deleted", "supprimé"


class EndpointQuerySet(models.QuerySet["Endpoint"]):
    def kept(self) -> Self:
        """Those that nobody deleted."""
        return self.filter(deleted_at__isnull=True)

    def listening(self) -> Self:
        return self.filter(is_enabled=True)

    def locked(self) -> Self:
        """Lock the endpoints, and only them, in order of number, until the transaction ends."""
        return self.select_for_update(of=("self",), no_key=True).order_by("pk")


class Endpoint(models.Model):
    """An address of the collectivity's own information system, which is told of what happens."""

    #: The longest address.
    LONGEST = 500

    url = models.CharField("adresse", max_length=LONGEST)
    # Empty: all of them, those of later versions included.
    types = ArrayField(models.CharField(max_length=30, choices=EventType), verbose_name="événements", default=list)
    sealed_secret = models.BinaryField()
    # The secret before the last rotation, which signs as well until then.
    sealed_previous = models.BinaryField(null=True)
    previous_until = models.DateTimeField(null=True)
    is_enabled = models.BooleanField("activé", default=True)
    off_because = models.CharField("désactivé", max_length=10, choices=Off, blank=True)
    # Rounds without a single success, one after another; what they cost is `claims.rest`.
    failures = models.PositiveSmallIntegerField("échecs de suite", default=0)
    failing_since = models.DateTimeField("en échec depuis", null=True)
    paused_until = models.DateTimeField("en pause jusqu'à", null=True)
    created_at = models.DateTimeField("créé le")
    created_by_id = models.BigIntegerField(null=True)
    deleted_at = models.DateTimeField(null=True)

    objects = EndpointQuerySet.as_manager()

    class Meta:
        verbose_name = "webhook"
        constraints: ClassVar = [
            # Twice the same address would be told everything twice.
            models.UniqueConstraint(
                name="endpoint_once_an_address", fields=["url"], condition=Q(deleted_at__isnull=True)
            ),
            models.CheckConstraint(
                name="endpoint_asks_for_known_types",
                condition=Q(types__contained_by=[str(one) for one in SUBSCRIBABLE]),
            ),
            models.CheckConstraint(
                name="endpoint_previous_secret_ends",
                condition=Q(sealed_previous__isnull=True, previous_until__isnull=True)
                | Q(sealed_previous__isnull=False, previous_until__isnull=False),
            ),
            models.CheckConstraint(
                name="endpoint_off_says_why",
                condition=Q(is_enabled=True, off_because="") | (Q(is_enabled=False) & ~Q(off_because="")),
            ),
            models.CheckConstraint(
                name="endpoint_deleted_is_off",
                condition=Q(deleted_at__isnull=True) | Q(is_enabled=False, off_because="deleted"),
            ),
        ]

    def __str__(self) -> str:
        return self.url

    @property
    def rotation(self) -> str:
        """What tells the last rotation of its secret from those before."""
        return self.previous_until.isoformat() if self.previous_until else ""


class Event(models.Model):
    """Something that happened in the collectivity. Kept thirty days."""

    # What receivers know it by; `webhook-id`, the same at every try.
    public_id = models.CharField(max_length=40, unique=True)
    type = models.CharField(max_length=30, choices=EventType)
    # « allocation:12 »: what it is about. Events of one subject arrive in order.
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


class DeliveryState(models.TextChoices):
    PENDING = "pending", "En attente"
    DELIVERED = "delivered", "Remis"
    FAILED = "failed", "Abandonné"


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def pending(self) -> Self:
        return self.filter(state=DeliveryState.PENDING)

    def heads(self) -> Self:
        """Return the first that is pending of each subject and endpoint: the others wait for it."""
        # Looked up by `delivery_in_order` for each row that is come upon: as NOT EXISTS, the planner would compare all
        # that is pending with all that is pending to find sixteen.
        first = Delivery.objects.filter(
            endpoint_id=OuterRef("endpoint_id"), subject=OuterRef("subject"), state=DeliveryState.PENDING
        )
        return self.pending().filter(pk=Subquery(first.order_by("pk").values("pk")[:1]))

    def overdue_at(self, moment: datetime.datetime, *, since: datetime.timedelta) -> Self:
        """Return the pending ones whose days have been over for so long, and that nobody is sending."""
        return self.pending().filter(gives_up_at__lte=moment - since, next_at__lte=moment)


class Delivery(models.Model):
    """One event for one endpoint."""

    endpoint = models.ForeignKey(Endpoint, on_delete=models.DB_CASCADE, db_index=False, related_name="deliveries")
    event = models.ForeignKey(Event, on_delete=models.DB_CASCADE, related_name="deliveries")
    # The event's, so that the order is kept by an index.
    subject = models.CharField(max_length=60)
    state = models.CharField("état", max_length=10, choices=DeliveryState, default=DeliveryState.PENDING)
    # Since it was written or replayed.
    attempts = models.PositiveSmallIntegerField("tentatives", default=0)
    # While pending: not before. While a worker sends it: the end of its lease.
    next_at = models.DateTimeField("prochain essai")
    # While a worker sends it. It is also the claim's name: who lost it writes no more.
    lease_until = models.DateTimeField(null=True)
    gives_up_at = models.DateTimeField("abandonné le")
    settled_at = models.DateTimeField("réglé le", null=True)
    # Of the last attempt, or why it was given up; in French.
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
    """One try, and what was answered."""

    delivery = models.ForeignKey(Delivery, on_delete=models.DB_CASCADE, related_name="tries")
    at = models.DateTimeField("le")
    duration = models.PositiveIntegerField("durée, en millisecondes")
    # None: nothing was answered.
    status = models.PositiveSmallIntegerField("réponse", null=True)
    # Why it failed, in French; empty where it was delivered.
    reason = models.CharField("motif", max_length=300, blank=True)
    # How the answer begins, made harmless.
    answer = models.CharField("début de la réponse", max_length=500, blank=True)

    class Meta:
        verbose_name = "tentative"

    def __str__(self) -> str:
        return f"{self.at}: {self.status or self.reason}"
