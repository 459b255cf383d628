"""The outbox of e-mails and their delivery states.

The table exists in the public schema (e-mails about accounts) and each tenant's (e-mails about keys). A message holds
no text: the app that owns its kind renders it when it is sent, so no activation key is stored here.

Written only by `operations` (enqueue, cancel, release, further events), `leases` (outcomes),
`delivery_reports` (what became of them), `refusals` (addresses that were refused) and `personal_data` (anonymisation).
"""

import datetime
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import Coalesce, Now

from core.models import LockableQuerySet, check_moment
from core.registry import Registry
from jobs.housekeeping import get_stall_timeout
from mailing.smtp_replies import PERHAPS_ACCEPTED, REPLY_SEPARATOR

#: After which a message is deleted, unless it has still to leave: an office sees what was written in the running school
#: year, and in the two before.
MESSAGES_KEPT = datetime.timedelta(days=3 * 365 + 1)


#: By kind, as the tenant and the operator read it; declared with the kind (`mailing.kinds`).
kind_labels: Registry[str] = Registry("label of a kind of e-mail")


class MessageState(models.TextChoices):
    QUEUED = "queued", "En attente"
    SENDING = "sending", "En cours d'envoi"
    SENT = "sent", "Envoyé"
    DELIVERED = "delivered", "Remis"
    DEFERRED = "deferred", "Différé"
    # Until what it depends on is settled: see `kinds.OnHold`, and `refusals` for addresses that were refused.
    HELD = "held", "Retenu"
    BOUNCED = "bounced", "Rejeté"
    FAILED = "failed", "Échec"
    CANCELLED = "cancelled", "Annulé"


class RefusalHandling(models.TextChoices):
    """What is done of a message whose recipient is an address that a server refused (`bounces.RefusedAddress`)."""

    # The address was not refused when the message left.
    NONE = "", "Sans objet"
    WAITING = "waiting", "Attend une décision"
    OVERRULED = "overruled", "Écrit quand même"


#: To be sent, now or later.
PENDING = (MessageState.QUEUED, MessageState.DEFERRED, MessageState.SENDING)
#: Not sent yet: pending, or held until its owner releases it.
UNSENT = (*PENDING, MessageState.HELD)
#: Failed for good: not retried without manual action.
LOST = (MessageState.BOUNCED, MessageState.FAILED)


def get_lease_duration() -> datetime.timedelta:
    """Return the duration of a lease: longer than the SMTP timeouts of one message add up to."""
    return datetime.timedelta(seconds=settings.MAIL_LEASE)


def get_early_release() -> datetime.timedelta:
    """Return how long before its end a lease is void for messages that were not handed over to a server.

    Whoever lives renews it at each heartbeat: after as many missed ones as end a worker, its messages are taken over.
    One that was handed over waits for the whole lease, as its answer may still be recorded.
    """
    return max(get_lease_duration() - datetime.timedelta(seconds=get_stall_timeout()), datetime.timedelta())


class MessageQuerySet(LockableQuerySet["Message"]):
    def pending(self) -> Self:
        return self.filter(state__in=PENDING)

    def unsent(self) -> Self:
        return self.filter(state__in=UNSENT)

    def held(self) -> Self:
        """Filter the messages that their owner holds and releases."""
        return self.filter(state=MessageState.HELD).exclude(refusal=RefusalHandling.WAITING)

    def awaiting_hand(self) -> Self:
        """Filter the messages to an address that was refused, which a person releases."""
        # The state as well: it has an index.
        return self.filter(state=MessageState.HELD, refusal=RefusalHandling.WAITING)

    def lost(self) -> Self:
        return self.filter(state__in=LOST)

    def unclaimed_at(self, moment: datetime.datetime | Now) -> Self:
        """Filter out the messages that a worker has leased, and renews or has perhaps handed over."""
        is_held = Q(unanswered__gt=0) | Q(lease_until__gt=moment + get_early_release())
        return self.exclude(is_held, state=MessageState.SENDING, lease_until__gt=moment)

    def leaving_at(self, moment: datetime.datetime) -> Self:
        """Filter messages that are being sent, or due now."""
        return self.filter(Q(state=MessageState.SENDING) | Q(state=MessageState.QUEUED, due_at__lte=moment))

    def overdue_at(self, moment: datetime.datetime) -> Self:
        """Filter those that should have left, annotated with `overdue_since`: when they should have.

        One that was planned for later is counted from that moment on. One that our own mail server did not take keeps
        it, however often it is offered again. One that the recipient's server put off waits there: it is counted from
        its next attempt on, where nobody makes it.
        """
        since = Coalesce("stalled_since", "due_at")
        return self.pending().annotate(overdue_since=since).filter(overdue_since__lte=moment)

    def due_at(self, moment: datetime.datetime) -> Self:
        return self.pending().unclaimed_at(moment).filter(due_at__lte=moment)

    def call_off(self, *, at: datetime.datetime) -> int:
        """Cancel these messages; those that a server may have accepted become `sent`, with a reason that says so."""
        perhaps_accepted = Q(unanswered__gt=0)
        return self.update(
            state=Case(
                When(perhaps_accepted, then=Value(MessageState.SENT.value)),
                default=Value(MessageState.CANCELLED.value),
                output_field=models.CharField(),
            ),
            sent_at=Case(
                When(perhaps_accepted, then=Coalesce("handed_over_at", Value(at))),
                default=F("sent_at"),
                output_field=models.DateTimeField(),
            ),
            reason=Case(
                When(perhaps_accepted, then=Value(PERHAPS_ACCEPTED)),
                default=F("reason"),
                output_field=models.TextField(),
            ),
            lease_until=None,
            refusal=Case(
                When(refusal=RefusalHandling.WAITING, then=Value(RefusalHandling.NONE.value)),
                default=F("refusal"),
                output_field=models.CharField(),
            ),
        )


class Message(models.Model):
    """One e-mail to one address."""

    kind = models.CharField(max_length=40)
    recipient = models.EmailField("destinataire")
    # Subject of the message: type and id for queries, `about` as text for search.
    topic = models.CharField(max_length=40, blank=True)
    topic_id = models.BigIntegerField(null=True)
    about = models.CharField("objet", max_length=300, blank=True)
    # Further data for the renderer. Never an activation key.
    context = models.JSONField(default=dict)
    state = models.CharField("état", max_length=10, choices=MessageState, default=MessageState.QUEUED)
    created_at = models.DateTimeField("créé le")
    # Earliest sending time: chosen by the sender, then the next attempt of a deferred message.
    due_at = models.DateTimeField("à envoyer le")
    # When it should have left, where our own mail server has not taken it since; each attempt in vain moves `due_at`.
    stalled_since = models.DateTimeField(null=True)
    # Number of replies by a server about this message.
    attempts = models.PositiveSmallIntegerField("tentatives", default=0)
    # Higher leaves first within an outbox: single messages before those of an import.
    priority = models.SmallIntegerField(default=0)
    # Times it was handed to a server whose answer we do not know (line broken, worker killed): if not 0, it may have
    # been accepted. Raised before each sending, restored by the answer.
    unanswered = models.PositiveSmallIntegerField(default=0)
    handed_over_at = models.DateTimeField(null=True)
    # Set while `sending`. Also identifies the lease: a worker whose lease was lost writes nothing.
    lease_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField("envoyé le", null=True)
    message_id = models.CharField("Message-ID", max_length=255, blank=True)
    reason = models.TextField("motif", blank=True)
    # When a server or a provider last reported what became of the message after it was accepted; or refused it at once.
    reported_at = models.DateTimeField("compte rendu du", null=True)
    # Accepted, but reported as waiting at the recipient's: until when that server tries, where it says so.
    delayed_until = models.DateTimeField("essayé là-bas jusqu'au", null=True)
    refusal = models.CharField(max_length=10, choices=RefusalHandling, default=RefusalHandling.NONE, blank=True)

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
            models.CheckConstraint(
                name="message_bounced_says_why_and_when",
                condition=~Q(state="bounced") | (Q(reported_at__isnull=False) & ~Q(reason="")),
            ),
            models.CheckConstraint(
                name="message_delayed_was_sent",
                condition=Q(delayed_until__isnull=True) | Q(state="sent", reported_at__isnull=False),
            ),
            check_moment("message_delayed_until_a_readable_date", "delayed_until"),
            models.CheckConstraint(
                name="message_awaiting_a_hand_is_held",
                condition=~Q(refusal="waiting") | (Q(state="held") & ~Q(reason="")),
            ),
        ]
        indexes: ClassVar = [
            # The order in which messages are claimed.
            models.Index(
                name="message_due",
                fields=["-priority", "due_at", "id"],
                condition=Q(state__in=["queued", "deferred", "sending"]),
            ),
            models.Index(name="message_topic", fields=["topic", "topic_id"]),
            # Messages to a user account, for the personal data export and for anonymisation.
            models.Index(
                KeyTransform("user", "context"), name="message_to_an_account", condition=Q(context__has_key="user")
            ),
            # States that people filter by; nearly all other messages are sent or about to be.
            models.Index(
                name="message_stopped",
                fields=["state", "-id"],
                condition=Q(state__in=["deferred", "bounced", "failed", "cancelled", "held"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{kind_labels.get(self.kind, self.kind)}, à {self.recipient}"

    @property
    def explanation(self) -> str:
        """Why it failed or waits, in French, without the server's reply."""
        return self.reason.partition(REPLY_SEPARATOR)[0]

    @property
    def server_answer(self) -> str:
        """The verbatim SMTP reply, for mail administrators."""
        return self.reason.partition(REPLY_SEPARATOR)[2]

    @property
    def next_attempt_at(self) -> datetime.datetime | None:
        """Earliest time of the next attempt; None if none is planned."""
        return self.due_at if self.state in (MessageState.QUEUED, MessageState.DEFERRED) else None

    @property
    def awaits_hand(self) -> bool:
        """Whether a person decides if it is written to an address that was refused."""
        return self.refusal == RefusalHandling.WAITING

    @property
    def is_unsent(self) -> bool:
        return self.state in UNSENT

    @property
    def is_lost(self) -> bool:
        return self.state in LOST


def get_topic_id(message: Message) -> int:
    """Return the number of what the e-mail is about. Raises `ValueError` for one about nothing."""
    if message.topic_id is None:
        raise ValueError(f"A message of kind {message.kind} needs a topic_id.")
    return message.topic_id
