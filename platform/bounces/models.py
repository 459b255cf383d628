"""What mail servers report: addresses they refuse, sendings that fail, and the mailbox in which their reports arrive.

And that our own server takes nothing. In the public schema: an address is refused for every collectivity. Written only
by `mailing`, which reads the mailbox.
"""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from core.models import LockableQuerySet


class RefusedAddress(models.Model):
    """An address that a mail server refused for good: not written to again without a hand."""

    # As `normalise_address` has it.
    address = models.CharField("adresse", max_length=254, unique=True)
    # In French, without the server's reply.
    reason = models.TextField("motif")
    refused_at = models.DateTimeField("refusée le")
    # When a server last took a message that a hand sent in spite of the refusal.
    tried_at = models.DateTimeField("essayée le", null=True, blank=True)
    # Schemas with messages that are held for it: who forgets the address releases them.
    waiting_in = ArrayField(models.CharField(max_length=63), verbose_name="e-mails retenus dans", default=list)

    objects = LockableQuerySet["RefusedAddress"].as_manager()

    class Meta:
        verbose_name = "adresse refusée"
        verbose_name_plural = "adresses refusées"
        constraints: ClassVar = [
            models.CheckConstraint(name="refused_address_in_lower_case", condition=Q(address=Lower("address"))),
            models.CheckConstraint(name="refused_address_says_why", condition=~Q(reason="") & ~Q(address="")),
            models.CheckConstraint(
                name="refused_address_tried_after_refusal",
                condition=Q(tried_at__isnull=True) | Q(tried_at__gte=models.F("refused_at")),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="refused_address_tried", fields=["tried_at"], condition=Q(tried_at__isnull=False))
        ]

    def __str__(self) -> str:
        return self.address


class BounceMailbox(models.Model):
    """How the reading of the mailbox goes. One row, once it has been read or tried."""

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    read_at = models.DateTimeField("lue le", null=True)
    failing_since = models.DateTimeField("illisible depuis", null=True)
    # In French; empty while it can be read.
    failure = models.TextField("empêchement", blank=True)
    reports = models.PositiveBigIntegerField("comptes rendus lus", default=0)
    auto_replies = models.PositiveBigIntegerField("réponses automatiques", default=0)

    objects = LockableQuerySet["BounceMailbox"].as_manager()

    class Meta:
        verbose_name = "boîte des retours"
        verbose_name_plural = "boîte des retours"
        constraints: ClassVar = [
            models.CheckConstraint(name="bounce_mailbox_is_one_row", condition=Q(id=1)),
            models.CheckConstraint(
                name="bounce_mailbox_failing_says_why",
                condition=Q(failing_since__isnull=True, failure="") | (Q(failing_since__isnull=False) & ~Q(failure="")),
            ),
        ]

    def __str__(self) -> str:
        return "boîte des retours"


class UnreadMail(models.Model):
    """A mail that was left in the mailbox for a person: forgotten once they have read, moved or deleted it there."""

    class Cause(models.TextChoices):
        NO_REPORT = "no_report", "Ce n'est pas le compte rendu d'un serveur : une personne écrit peut-être"
        NOT_OURS = "not_ours", "Ce compte rendu ne cite aucun de nos e-mails"
        UNCLEAR = "unclear", "Ce compte rendu ne dit pas ce qu'est devenu l'e-mail"
        TOO_LARGE = "too_large", "Ce mail est trop grand pour être lu"
        TOO_COSTLY = "too_costly", "Ce mail a trop d'en-têtes ou de parties, ou de trop longs, pour être lu"
        UNREADABLE = "unreadable", "Ce mail est abîmé : sa lecture s'est arrêtée sur une erreur"
        UNRECORDED = "unrecorded", "Ce compte rendu n'a pas pu être inscrit sur son e-mail : le journal dit pourquoi"

    # A mail's number in its folder, and the folder's generation (RFC 3501, 2.3.1.1).
    uid_validity = models.BigIntegerField()
    uid = models.BigIntegerField()
    cause = models.CharField("pourquoi", max_length=10, choices=Cause)
    sender = models.CharField("de", max_length=254, blank=True)
    subject = models.CharField("objet", max_length=200, blank=True)
    size = models.PositiveBigIntegerField("octets")
    found_at = models.DateTimeField("trouvé le")

    objects = LockableQuerySet["UnreadMail"].as_manager()

    class Meta:
        verbose_name = "mail à lire"
        verbose_name_plural = "mails à lire"
        constraints: ClassVar = [
            models.UniqueConstraint(name="unread_mail_once", fields=["uid_validity", "uid"]),
        ]

    def __str__(self) -> str:
        return self.subject or f"mail n° {self.uid}"


class FailedSending(models.Model):
    """E-mails that were queued together, of which a large share did not arrive: noted once, when that is found."""

    # Schema of their outbox.
    schema = models.CharField("espace", max_length=63)
    # What identifies them there: they share both.
    kind = models.CharField("type d'e-mail", max_length=40)
    queued_at = models.DateTimeField("mis en file le")
    # When it was found: how many had left or were given up, and how many of them were lost.
    handled = models.PositiveIntegerField("partis")
    lost = models.PositiveIntegerField("non remis")
    found_at = models.DateTimeField("constaté le")
    # By the operator: it leaves their list of work.
    seen_at = models.DateTimeField("vu le", null=True, blank=True)

    objects = LockableQuerySet["FailedSending"].as_manager()

    class Meta:
        verbose_name = "envoi qui échoue"
        verbose_name_plural = "envois qui échouent"
        constraints: ClassVar = [
            models.UniqueConstraint(name="failed_sending_once", fields=["schema", "kind", "queued_at"]),
            models.CheckConstraint(
                name="failed_sending_lost_some", condition=Q(lost__gt=0, lost__lte=models.F("handled"))
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="failed_sending_unseen", fields=["found_at"], condition=Q(seen_at__isnull=True))
        ]

    def __str__(self) -> str:
        return f"envoi n° {self.pk}"


class MailServerOutage(models.Model):
    """That our own mail server takes nothing. One row, from the first attempt in vain until it takes an e-mail."""

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    failing_since = models.DateTimeField("n'accepte rien depuis")
    # The last attempt in vain: without another one nothing is known of the server any more.
    failed_at = models.DateTimeField("dernier essai le")
    # In French, with the server's reply where there was one.
    failure = models.TextField("empêchement")

    objects = LockableQuerySet["MailServerOutage"].as_manager()

    class Meta:
        verbose_name = "panne du serveur d'envoi"
        verbose_name_plural = "pannes du serveur d'envoi"
        constraints: ClassVar = [
            models.CheckConstraint(name="mail_server_outage_is_one_row", condition=Q(id=1)),
            models.CheckConstraint(
                name="mail_server_outage_says_why_and_since_when",
                condition=~Q(failure="") & Q(failed_at__gte=models.F("failing_since")),
            ),
        ]

    def __str__(self) -> str:
        return "panne du serveur d'envoi"
