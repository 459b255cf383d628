"""The seller's books: orders and their lines. No unit of licence exists without an order line.

An operator's gift is an order line too, with its reason.
"""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q


class OrderKind(models.TextChoices):
    GRANT = "grant", "Dotation de l'exploitant"


class Order(models.Model):
    """What a collectivity or a school asked for, or was granted."""

    kind = models.CharField("nature", max_length=10, choices=OrderKind)
    collectivity = models.ForeignKey("tenants.Collectivity", verbose_name="collectivité", on_delete=models.PROTECT)
    reason = models.TextField("motif", blank=True)
    placed_at = models.DateTimeField("passée le")
    # None: placed from the command line.
    placed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name="passée par", on_delete=models.PROTECT, null=True
    )

    class Meta:
        verbose_name = "commande"
        constraints: ClassVar = [
            models.CheckConstraint(name="order_grant_says_why", condition=~Q(kind="grant") | ~Q(reason="")),
        ]

    def __str__(self) -> str:
        return f"Commande n° {self.pk}"


class OrderLine(models.Model):
    """So many units of one product for one school year."""

    order = models.ForeignKey(Order, verbose_name="commande", on_delete=models.PROTECT, related_name="lines")
    product = models.ForeignKey("catalogue.Product", verbose_name="produit", on_delete=models.PROTECT)
    school_year = models.ForeignKey("catalogue.SchoolYear", verbose_name="année scolaire", on_delete=models.PROTECT)
    quantity = models.PositiveIntegerField("licences")

    class Meta:
        verbose_name = "ligne de commande"
        verbose_name_plural = "lignes de commande"
        constraints: ClassVar = [models.CheckConstraint(name="order_line_has_units", condition=Q(quantity__gt=0))]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.product}"
