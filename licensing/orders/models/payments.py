"""What was paid: money that came in, and attempts by card. No card data touches us: a provider asks for the card."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from payments import PurchasedItem
from payments.models import BasePayment

from web import typography
from web.addresses import portal_url

if TYPE_CHECKING:
    from collections.abc import Iterator


class CardPayment(BasePayment):
    """An attempt to pay an order by card, as django-payments follows it."""

    order = models.ForeignKey("orders.Order", verbose_name="commande", on_delete=models.PROTECT, related_name="+")

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
        # Never the token, by which the provider and its page know the attempt.
        return f"Paiement par carte n° {self.pk}"

    @property
    def kept(self) -> dict[str, Any]:
        """The little that is kept of what the provider said, and was asked."""
        kept: dict[str, Any] = json.loads(self.extra_data or "{}")
        return kept

    def get_purchased_items(self) -> Iterator[PurchasedItem]:
        """Return what is paid for, as the invoice will say it. Prices include VAT."""
        for line in self.order.lines.order_by("pk"):
            yield PurchasedItem(line.description, 1, line.total_ttc, self.currency, line.product_id, line.vat_rate)

    def get_process_url(self) -> str:
        """Return the page on which the buyer pays."""
        return reverse("card_pay", urlconf="config.urls_public", args=[self.token])

    def get_success_url(self) -> str:
        """Return the absolute address at which the buyer hears what came of it."""
        return portal_url(reverse("card_back", urlconf="config.urls_public", args=[self.token]))

    def get_failure_url(self) -> str:
        """Return the absolute address at which a buyer who turned round may pay after all."""
        return portal_url(self.get_process_url())


class PaymentMethod(models.TextChoices):
    CARD = "card", "Carte bancaire"
    CHEQUE = "cheque", "Chèque"
    TRANSFER = "transfer", "Virement ou mandat administratif"


class Payment(models.Model):
    """Money that came in for an order, or went back. In euros; what went back is negative."""

    order = models.ForeignKey(
        "orders.Order", verbose_name="commande", on_delete=models.PROTECT, related_name="payments"
    )
    method = models.CharField("règlement", max_length=10, choices=PaymentMethod)
    amount = models.DecimalField("montant", max_digits=12, decimal_places=2)
    received_on = models.DateField("reçu le")
    reference = models.CharField("référence", max_length=120, blank=True)
    card = models.ForeignKey(
        CardPayment, verbose_name="paiement par carte", on_delete=models.PROTECT, null=True, blank=True
    )
    # The payment that this one gives back.
    refunds = models.OneToOneField(
        "self", verbose_name="rembourse", on_delete=models.PROTECT, null=True, blank=True, related_name="refund"
    )
    recorded_at = models.DateTimeField("enregistré le")
    # None: by the provider.
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
                condition=Q(refunds__isnull=True, amount__gt=0) | Q(refunds__isnull=False, amount__lt=0),
            ),
            models.UniqueConstraint(
                name="payment_by_card_once", fields=["card"], condition=Q(refunds__isnull=True, card__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{typography.euros(self.amount)} ({self.get_method_display().lower()})"


class ProviderEvent(models.Model):
    """An event that a card provider told us of: told again, it changes nothing more."""

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
