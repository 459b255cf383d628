"""Money that came in and went back. Recorded from the order's card; by card, by the provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin

from licensing.orders.admin.deeds import Desk
from licensing.orders.models import Payment
from web import typography

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest


class WayFilter(admin.SimpleListFilter):
    title = "sens"
    parameter_name = "sens"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        """Return the two ways."""
        return [("recus", "reçus"), ("rembourses", "remboursements")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Payment]) -> QuerySet[Payment]:
        """Keep what went that way."""
        if self.value() not in ("recus", "rembourses"):
            return queryset
        return queryset.filter(refunds__isnull=self.value() == "recus")


@admin.register(Payment)
class PaymentAdmin(Desk[Payment]):
    """Each sum, with what it settled."""

    list_display = ("__str__", "order", "method", "money", "received_on", "reference", "recorded_by")
    list_filter = (WayFilter, "method", "received_on")
    list_select_related = ("order", "recorded_by")
    search_fields = ("order__id__exact", "reference", "order__invoices__number__iexact", "amount__exact")
    search_help_text = "Numéro de commande ou de facture, montant (199.00), référence"
    ordering = ("-received_on", "-pk")
    fields = ("order", "method", "money", "received_on", "reference", "refunds", "recorded_at", "recorded_by")
    readonly_fields = ("money",)

    @admin.display(description="montant", ordering="amount")
    def money(self, payment: Payment) -> str:
        """Return the sum; what went back is negative."""
        return typography.euros(payment.amount)
