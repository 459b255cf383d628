"""Payments received and card payment attempts. Card data never reaches this server: the provider collects it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from payments import PurchasedItem
from payments.models import BasePayment

from core import formatting
from core.journal_seals import Seal, SealedJournal
from core.links import portal_url
from core.models import LockableQuerySet
from licensing.orders.settlement import list_payment_choices


class CardPayment(BasePayment):
    """An attempt to pay an order by card, as tracked by django-payments."""

    order = models.ForeignKey(
        "orders.Order", verbose_name="commande", on_delete=models.PROTECT, related_name="card_payments"
    )

    objects = LockableQuerySet["CardPayment"].as_manager()
    # django-payments ships no types: without it the checker does not find the manager of `Order.card_payments`.
    _default_manager: ClassVar[models.Manager[CardPayment]]

    class Meta:
        verbose_name = "paiement par carte"
        verbose_name_plural = "paiements par carte"
        constraints: ClassVar = [
            models.UniqueConstraint(name="card_payment_token_once", fields=["token"]),
            models.UniqueConstraint(
                name="card_payment_transaction_once",
                fields=["variant", "transaction_id"],
                condition=~Q(transaction_id=""),
            ),
        ]

    def __str__(self) -> str:
        # Never the token: it identifies the attempt to the provider and in its URL.
        return f"Paiement par carte n° {self.pk}"

    @property
    def provider_data(self) -> dict[str, Any]:
        """Provider data stored with the attempt: charge, refund state, refund retries."""
        data: dict[str, Any] = json.loads(self.extra_data or "{}")
        return data

    def get_purchased_items(self) -> Iterator[PurchasedItem]:
        """Yield the order lines as the invoice will list them. Prices include VAT."""
        for line in self.order.lines.order_by("pk"):
            yield PurchasedItem(line.description, 1, line.total_ttc, self.currency, str(line.product_id), line.vat_rate)

    def get_process_url(self) -> str:
        """Return the path of the payment page."""
        return reverse("card_pay", urlconf="config.urls_public", args=[self.token])

    def get_success_url(self) -> str:
        """Return the absolute URL of the page that shows the result."""
        return portal_url(reverse("card_result", urlconf="config.urls_public", args=[self.token]))

    def get_failure_url(self) -> str:
        """Return the absolute URL of the payment page, for a buyer who gave up at the provider's."""
        return portal_url(self.get_process_url())


class PaymentKind(models.TextChoices):
    """What a payment records. The first two are positive; the others take back a part of one."""

    RECEIVED = "received", "Reçu"
    MOVED_IN = "moved_in", "Reporté d'une autre commande"
    REFUNDED = "refunded", "Remboursé"
    REVERSED = "reversed", "Annulé"
    MOVED_OUT = "moved_out", "Reporté sur une autre commande"


class ReversalReason(models.TextChoices):
    UNPAID = "unpaid", "Impayé"
    MISTAKE = "mistake", "Erreur de saisie"
    OTHER = "other", "Autre"


class Payment(models.Model):
    """Money that came in for an order, or went back. In euros; what went back is negative. Append-only."""

    order = models.ForeignKey(
        "orders.Order", verbose_name="commande", on_delete=models.PROTECT, related_name="payments"
    )
    kind = models.CharField("nature", max_length=10, choices=PaymentKind, default=PaymentKind.RECEIVED)
    method = models.CharField("règlement", max_length=10, choices=list_payment_choices)
    amount = models.DecimalField("montant", max_digits=12, decimal_places=2)
    received_on = models.DateField("reçu le")
    reference = models.CharField("référence", max_length=120, blank=True)
    card = models.ForeignKey(
        CardPayment, verbose_name="paiement par carte", on_delete=models.PROTECT, null=True, blank=True
    )
    # The payment of which this one takes back a part: several may follow until nothing is left.
    refunds = models.ForeignKey(
        "self", verbose_name="reprend", on_delete=models.PROTECT, null=True, blank=True, related_name="taken_back"
    )
    # The payment of another order that was moved here: its other half.
    moved_from = models.OneToOneField(
        "self", verbose_name="reporté de", on_delete=models.PROTECT, null=True, blank=True, related_name="moved_to"
    )
    # The provider's identifier of a refund that was made in its dashboard, and not asked for by us.
    provider_refund = models.CharField("remboursement chez le prestataire", max_length=255, blank=True)
    # Why it was reversed, and what the operator added.
    reversal_reason = models.CharField("motif", max_length=10, choices=ReversalReason, blank=True)
    explanation = models.CharField("précision", max_length=500, blank=True)
    recorded_at = models.DateTimeField("enregistré le")
    # None when the payment provider acts.
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name="enregistré par",
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
    )

    class Meta:
        verbose_name = "règlement"
        constraints: ClassVar = [
            models.CheckConstraint(
                name="payment_comes_in_or_goes_back",
                condition=Q(kind="received", refunds__isnull=True, moved_from__isnull=True, amount__gt=0)
                | Q(kind="moved_in", refunds__isnull=True, moved_from__isnull=False, amount__gt=0)
                | Q(
                    kind__in=["refunded", "reversed", "moved_out"],
                    refunds__isnull=False,
                    moved_from__isnull=True,
                    amount__lt=0,
                ),
            ),
            models.CheckConstraint(
                name="payment_reversed_says_why",
                condition=Q(kind="reversed", card__isnull=True, reversal_reason__in=["unpaid", "mistake"])
                | (Q(kind="reversed", card__isnull=True, reversal_reason="other") & ~Q(explanation=""))
                | (~Q(kind="reversed") & Q(reversal_reason="")),
            ),
            models.UniqueConstraint(
                name="payment_provider_refund_once",
                fields=["card", "provider_refund"],
                condition=~Q(provider_refund=""),
            ),
            models.CheckConstraint(
                name="payment_provider_refund_is_of_a_card",
                condition=Q(provider_refund="") | Q(kind="refunded", card__isnull=False),
            ),
            models.UniqueConstraint(
                name="payment_by_card_once", fields=["card"], condition=Q(kind="received", card__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{formatting.euros(self.amount)} ({self.get_method_display().lower()})"

    @property
    def going_back(self) -> str:
        """Why money went back, for whoever pays: « annulé : erreur de saisie », « remboursé »; empty if it came in."""
        if self.amount > 0:
            return ""
        kind = self.get_kind_display().lower()
        # What the operator wrote of another reason is in the books alone.
        is_named = self.reversal_reason in (ReversalReason.UNPAID, ReversalReason.MISTAKE)
        return f"{kind} : {self.get_reversal_reason_display().lower()}" if is_named else kind


class PaymentSeal(Seal):
    """A seal of the payments."""


#: The payments as `manage.py audit` and the sealing task read them.
SEALED_PAYMENTS = SealedJournal(
    entries=Payment,
    seals=PaymentSeal,
    columns=(
        "order_id",
        "kind",
        "method",
        "amount",
        "received_on",
        "reference",
        "card_id",
        "refunds_id",
        "moved_from_id",
        "provider_refund",
        "reversal_reason",
        "explanation",
        "recorded_at",
        "recorded_by_id",
    ),
)


class ProviderEvent(models.Model):
    """A webhook event received from a card provider, stored so that a duplicate is ignored."""

    variant = models.CharField(max_length=40)
    event_id = models.CharField(max_length=255)
    kind = models.CharField("nature", max_length=80)
    received_at = models.DateTimeField("reçu le")

    class Meta:
        verbose_name = "événement du prestataire"
        verbose_name_plural = "événements du prestataire"
        constraints: ClassVar = [models.UniqueConstraint(name="provider_event_once", fields=["variant", "event_id"])]

    def __str__(self) -> str:
        return f"{self.kind} {self.event_id}"
