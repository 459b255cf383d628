"""What is sent to Chorus Pro or to an approved platform, and how far it is."""

import datetime
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Coalesce

from core.models import LockableQuerySet
from licensing.books.billing.models import Invoice, InvoiceRoute, PlatformStatus

#: A platform that has not answered for this long is told to the operator.
SILENCE = datetime.timedelta(days=2)


class TransmissionKind(models.TextChoices):
    INVOICE = "invoice", "Facture ou avoir"
    STATE = "state", "État déclaré"
    REPORT = "report", "E-reporting"


class TransmissionState(models.TextChoices):
    TO_SEND = "to_send", "À envoyer"
    SENT = "sent", "Envoyé, réponse attendue"
    ACCEPTED = "accepted", "Accepté"
    REJECTED = "rejected", "Refusé"


#: States in which the platform's answer is awaited.
PENDING_STATES = frozenset({TransmissionState.TO_SEND, TransmissionState.SENT})


class TransmissionQuerySet(LockableQuerySet["Transmission"]):
    def live(self) -> Self:
        """Keep those that the platform did not reject."""
        return self.exclude(state=TransmissionState.REJECTED)

    def due(self, at: datetime.datetime) -> Self:
        """Keep those about which the platform is to be asked, the longest due first.

        A credit note waits for the platform to take its invoice, where that was asked for.
        """
        corrected = OuterRef("invoice__corrects")
        sendings = Transmission.objects.filter(kind=TransmissionKind.INVOICE, invoice=corrected)
        is_there = Exists(sendings.filter(state=TransmissionState.ACCEPTED)) | Exists(
            PlatformStatus.objects.effective().filter(invoice=corrected)
        )
        awaits_its_invoice = Q(Exists(sendings), ~Q(is_there), state=TransmissionState.TO_SEND)
        return self.filter(~awaits_its_invoice, next_try_at__lte=at).order_by("next_try_at", "pk")

    def silent(self, at: datetime.datetime) -> Self:
        """Keep those that the platform has not answered for two days."""
        waiting = self.filter(state__in=PENDING_STATES).alias(waits_since=Coalesce("sent_at", "asked_at"))
        return waiting.filter(waits_since__lte=at - SILENCE)


class Transmission(models.Model):
    """One thing sent to a platform: an invoice or credit note, a state of one, or the report of a period."""

    kind = models.CharField("nature", max_length=10, choices=TransmissionKind)
    # Under which the platform knows it: the same thing sent again has the same.
    tracking_id = models.CharField("numéro d'envoi", max_length=60, unique=True)
    invoice = models.ForeignKey(
        "billing.Invoice",
        verbose_name="facture",
        on_delete=models.PROTECT,
        related_name="transmissions",
        null=True,
        blank=True,
    )
    route = models.CharField("voie", max_length=12, choices=InvoiceRoute)
    state = models.CharField("avancement", max_length=10, choices=TransmissionState, default=TransmissionState.TO_SEND)
    # What is declared or reported, as frozen when it was asked; empty for an invoice.
    content = models.JSONField(default=dict, blank=True)
    reference = models.CharField("numéro sur la plateforme", max_length=120, blank=True)
    # What the platform said last, or why it could not be asked; in words for the operator.
    message = models.TextField("message", blank=True)
    # None where the site sends by itself.
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name="demandé par",
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
    )
    asked_at = models.DateTimeField("demandé le")
    sent_at = models.DateTimeField("envoyé le", null=True, blank=True)
    # When the platform is to be asked next; None once nothing more is expected.
    next_try_at = models.DateTimeField("prochain essai", null=True, blank=True)
    # Failed tries in a row, from which the delay grows.
    failures = models.PositiveIntegerField("essais sans réponse", default=0)

    objects = TransmissionQuerySet.as_manager()

    class Meta:
        verbose_name = "transmission"
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="transmission_of_an_invoice_once",
                fields=["invoice"],
                condition=Q(kind="invoice") & ~Q(state="rejected"),
            ),
            models.CheckConstraint(
                name="transmission_has_its_invoice",
                condition=Q(kind="report", invoice__isnull=True) | (~Q(kind="report") & Q(invoice__isnull=False)),
            ),
            models.CheckConstraint(
                name="transmission_sent_has_its_number",
                condition=Q(state__in=["to_send", "rejected"]) | (Q(sent_at__isnull=False) & ~Q(reference="")),
            ),
        ]
        indexes: ClassVar = [models.Index(name="transmission_due", fields=["next_try_at"])]

    def __str__(self) -> str:
        return self.tracking_id

    def get_invoice(self) -> Invoice:
        """Return what was sent, or is told of. Raises `ValueError` for a report."""
        if self.invoice is None:
            raise ValueError(f"{self} is of no invoice")
        return self.invoice
