"""Money that came in and went back. Recorded from the order's card; by card, by the provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin

from licensing.orders import card, operations
from licensing.orders.admin.deeds import Deed, Desk
from licensing.orders.admin.forms import RefundForm
from licensing.orders.models import OrderState, Payment
from web import typography

if TYPE_CHECKING:
    import datetime

    from django.db.models import QuerySet
    from django.http import HttpRequest

    from accounts.models import User


def _to_give_back(payment: Payment) -> bool:
    """Whether the money is not the order's: it was cancelled, or paid twice."""
    if payment.refunds_id is not None or Payment.objects.filter(refunds=payment).exists():
        return False
    left = operations.received(payment.order) - payment.amount
    return payment.order.state == OrderState.CANCELLED or left >= payment.order.total_ttc


def _record(payment: Payment, *, reference: str, by: User, at: datetime.datetime) -> str:
    operations.refund(payment_id=payment.pk, reference=reference, by=by, at=at)
    return f"Remboursement de {typography.euros(payment.amount)} inscrit."


def _give_back(payment: Payment, *, by: User, at: datetime.datetime) -> str:
    card.refund(payment_id=payment.pk, by=by, at=at)
    return f"Remboursement de {typography.euros(payment.amount)} demandé au prestataire."


DEEDS: tuple[Deed[Payment], ...] = (
    Deed(
        path="rembourser",
        label="Inscrire le remboursement",
        possible=lambda payment: payment.card_id is None and _to_give_back(payment),
        says=lambda payment, _at: [
            f"Rien n'est viré d'ici : faites d'abord partir {typography.euros(payment.amount)} de votre banque.",
            "Inscrivez-le ensuite ici : l'acheteur reçoit un e-mail.",
        ],
        do=_record,
        form=RefundForm,
    ),
    Deed(
        path="rembourser-la-carte",
        label="Rembourser sur la carte",
        possible=lambda payment: payment.card_id is not None and _to_give_back(payment),
        says=lambda payment, _at: [
            f"{typography.euros(payment.amount)} sont rendus sur la carte, par le prestataire.",
            "L'acheteur reçoit un e-mail.",
        ],
        do=_give_back,
    ),
)


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

    list_display = ("money", "order", "method", "received_on", "reference", "recorded_by")
    list_filter = (WayFilter, "method", "received_on")
    list_select_related = ("order", "recorded_by")
    search_fields = ("order__id__exact", "reference", "order__invoices__number__iexact", "amount__exact")
    search_help_text = "Numéro de commande ou de facture, montant (199.00), référence"
    ordering = ("-received_on", "-pk")
    fields = ("order", "method", "money", "received_on", "reference", "refunds", "recorded_at", "recorded_by")
    readonly_fields = ("money",)
    deeds = DEEDS

    @admin.display(description="montant", ordering="amount")
    def money(self, payment: Payment) -> str:
        """Return the sum; what went back is negative."""
        return typography.euros(payment.amount)
