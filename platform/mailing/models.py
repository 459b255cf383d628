"""The outbox: what is to be sent, what was, and what became of it.

The table stands in the public schema (mail about accounts) and in each tenant's (mail about keys). A message holds
no text: it is rendered by the app that owns its kind when it is sent, so that no key ever rests here.

Written by `operations` (what is asked for) and `claims` (what becomes of it) alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from django.db import models
from django.db.models import Q
from django.db.models.fields.json import KeyTransform

from mailing.answers import SERVER_SAID

if TYPE_CHECKING:
    import datetime


class MessageState(models.TextChoices):
    QUEUED = "queued", "En attente"
    SENDING = "sending", "En cours d'envoi"
    SENT = "sent", "Envoyé"
    DELIVERED = "delivered", "Remis"
    DEFERRED = "deferred", "Différé"
    BOUNCED = "bounced", "Rejeté"
    FAILED = "failed", "Échec"
    CANCELLED = "cancelled", "Annulé"


#: Still to be sent, now or later.
PENDING = (MessageState.QUEUED, MessageState.DEFERRED, MessageState.SENDING)
#: Never arrived, and never will without a hand.
LOST = (MessageState.BOUNCED, MessageState.FAILED)


class MessageQuerySet(models.QuerySet["Message"]):
    def pending(self) -> Self:
        return self.filter(state__in=PENDING)

    def lost(self) -> Self:
        return self.filter(state__in=LOST)

    def unclaimed_at(self, moment: datetime.datetime) -> Self:
        """Return the pending messages that no worker is sending: what was claimed is so until its lease ends."""
        return self.pending().exclude(state=MessageState.SENDING, lease_until__gt=moment)

    def leaving_at(self, moment: datetime.datetime) -> Self:
        """Return the messages that are on their way at this moment, or about to be."""
        return self.filter(Q(state=MessageState.SENDING) | Q(state=MessageState.QUEUED, due_at__lte=moment))

    def due_at(self, moment: datetime.datetime) -> Self:
        return self.unclaimed_at(moment).filter(due_at__lte=moment)


class Message(models.Model):
    """One e-mail to one address."""

    kind = models.CharField(max_length=40)
    recipient = models.EmailField("destinataire")
    # What it is about: for those who list the messages of a thing, and in words for those who look for it.
    topic = models.CharField(max_length=40, blank=True)
    topic_id = models.BigIntegerField(null=True)
    about = models.CharField("objet", max_length=300, blank=True)
    # What the renderer needs besides the topic. Never a key.
    context = models.JSONField(default=dict)
    state = models.CharField("état", max_length=10, choices=MessageState, default=MessageState.QUEUED)
    created_at = models.DateTimeField("créé le")
    # Not before: the date chosen by the sender, then the next attempt of a deferred message.
    due_at = models.DateTimeField("à envoyer le")
    # How often a server answered about this message.
    attempts = models.PositiveSmallIntegerField("tentatives", default=0)
    # While `sending`: until when the claim of a worker holds. It is also the claim's name: who lost it writes no more.
    lease_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField("envoyé le", null=True)
    message_id = models.CharField("Message-ID", max_length=255, blank=True)
    reason = models.TextField("motif", blank=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        verbose_name = "e-mail"
        constraints: ClassVar = [
            models.CheckConstraint(
                name="message_has_a_lease_while_sending",
                condition=Q(state="sending", lease_until__isnull=False)
                | (~Q(state="sending") & Q(lease_until__isnull=True)),
            ),
            models.CheckConstraint(
                name="message_sent_says_when",
                condition=~Q(state__in=["sent", "delivered"]) | Q(sent_at__isnull=False),
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                name="message_due", fields=["due_at", "id"], condition=Q(state__in=["queued", "deferred", "sending"])
            ),
            models.Index(name="message_topic", fields=["topic", "topic_id"]),
            # Those to a person with an account: his when he asks what was written to him, nobody's when he leaves.
            models.Index(
                KeyTransform("user", "context"), name="message_to_an_account", condition=Q(context__has_key="user")
            ),
            # Those that somebody looks for by their state; nearly all the others are sent, or about to be.
            models.Index(
                name="message_stopped",
                fields=["state", "-id"],
                condition=Q(state__in=["deferred", "bounced", "failed", "cancelled"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} → {self.recipient}"

    @property
    def label(self) -> str:
        """What the office calls this kind of message."""
        from mailing import kinds  # noqa: PLC0415 - kinds speaks of messages

        return kinds.label(self.kind)

    @property
    def explanation(self) -> str:
        """Why it failed or waits, for the people of the office."""
        return self.reason.partition(SERVER_SAID)[0]

    @property
    def server_answer(self) -> str:
        """What the server said, word for word, for whoever looks after mail."""
        return self.reason.partition(SERVER_SAID)[2]

    @property
    def next_attempt_at(self) -> datetime.datetime | None:
        """Before when it will not leave, for the first time or once more; None where nothing is planned."""
        return self.due_at if self.state in (MessageState.QUEUED, MessageState.DEFERRED) else None

    @property
    def is_pending(self) -> bool:
        return self.state in PENDING

    @property
    def is_lost(self) -> bool:
        return self.state in LOST
