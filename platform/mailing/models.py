"""The outbox: what is to be sent, what was, and what became of it.

The table stands in the public schema (mail about accounts) and in each tenant's (mail about keys). A message holds
no text: it is rendered by the app that owns its kind when it is sent, so that no key ever rests here.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q


class MessageState(models.TextChoices):
    QUEUED = "queued", "En attente"
    SENDING = "sending", "En cours d'envoi"
    SENT = "sent", "Envoyé"
    DELIVERED = "delivered", "Remis"
    DEFERRED = "deferred", "Différé"
    BOUNCED = "bounced", "Rejeté"
    FAILED = "failed", "Échec"
    CANCELLED = "cancelled", "Annulé"


class Message(models.Model):
    """One e-mail to one address."""

    kind = models.CharField(max_length=40)
    recipient = models.EmailField("destinataire")
    # What it is about, for those who list the messages of a thing; the renderer reads `context`.
    topic = models.CharField(max_length=40, blank=True)
    topic_id = models.BigIntegerField(null=True)
    context = models.JSONField(default=dict)
    state = models.CharField("état", max_length=10, choices=MessageState, default=MessageState.QUEUED)
    created_at = models.DateTimeField("créé le")
    # Not before: the date chosen by the sender, then the next attempt of a deferred message.
    due_at = models.DateTimeField("à envoyer le")
    attempts = models.PositiveSmallIntegerField("tentatives", default=0)
    # While `sending`: until when the claim of the worker holds.
    lease_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField("envoyé le", null=True)
    message_id = models.CharField("Message-ID", max_length=255, blank=True)
    reason = models.TextField("motif", blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="message_sending_has_a_lease",
                condition=Q(state="sending", lease_until__isnull=False) | ~Q(state="sending"),
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                name="message_due", fields=["due_at"], condition=Q(state__in=["queued", "deferred", "sending"])
            ),
            models.Index(name="message_topic", fields=["topic", "topic_id"]),
        ]

    def __str__(self) -> str:
        return f"{self.kind} → {self.recipient}"
