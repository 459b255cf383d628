"""Payments and refunds. Recorded from the order's page; card payments from the provider's events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.db.models import Q

from core import formatting
from licensing.billing.invoice_search import parse_amount, search_invoices
from licensing.billing.models import Invoice
from licensing.billing.queries import get_amount_received
from licensing.orders.models import OrderState
from licensing.payments import card
from licensing.payments import operations as payment_operations
from licensing.payments.models import Payment
from sites.back_office.sales.admin_actions import ActionAdmin, AdminAction
from sites.back_office.sales.forms import RefundForm

if TYPE_CHECKING:
    import datetime

    from django.db.models import QuerySet
    from django.http import HttpRequest

    from accounts.models import User


def _is_refundable(payment: Payment) -> bool:
    """Whether the payment is to be refunded: its order was cancelled, or paid twice."""
    if payment.refunds_id is not None or Payment.objects.filter(refunds=payment).exists():
        return False
    remaining = get_amount_received(payment.order) - payment.amount
    return payment.order.state == OrderState.CANCELLED or remaining >= payment.order.total_ttc


def _record_refund(payment: Payment, *, reference: str, by: User, at: datetime.datetime) -> str:
    payment_operations.refund(payment_id=payment.pk, reference=reference, by=by, at=at)
    return f"Remboursement de {formatting.euros(payment.amount)} inscrit."


def _refund_card(payment: Payment, *, by: User, at: datetime.datetime) -> str:
    card.refund(payment_id=payment.pk, by=by, at=at)
    return f"Remboursement de {formatting.euros(payment.amount)} demandé au prestataire."


PAYMENT_ACTIONS: tuple[AdminAction[Payment], ...] = (
    AdminAction(
        path="rembourser",
        label="Inscrire le remboursement",
        is_available=lambda payment: payment.card_id is None and _is_refundable(payment),
        explanation=lambda payment, _at: [
            f"Rien n'est viré d'ici : faites d'abord partir {formatting.euros(payment.amount)} de votre banque.",
            "Inscrivez-le ensuite ici : l'acheteur reçoit un e-mail.",
        ],
        run=_record_refund,
        form=RefundForm,
    ),
    AdminAction(
        path="rembourser-la-carte",
        label="Rembourser sur la carte",
        is_available=lambda payment: payment.card_id is not None and _is_refundable(payment),
        explanation=lambda payment, _at: [
            f"{formatting.euros(payment.amount)} sont rendus sur la carte, par le prestataire.",
            "L'acheteur reçoit un e-mail.",
        ],
        run=_refund_card,
    ),
)


class DirectionFilter(admin.SimpleListFilter):
    title = "sens"
    parameter_name = "sens"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        """Return « received » and « refunded »."""
        return [("recus", "reçus"), ("rembourses", "remboursements")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Payment]) -> QuerySet[Payment]:
        """Keep the payments, or the refunds."""
        if self.value() not in ("recus", "rembourses"):
            return queryset
        return queryset.filter(refunds__isnull=self.value() == "recus")


@admin.register(Payment)
class PaymentAdmin(ActionAdmin[Payment]):
    """Payments and refunds, with their order."""

    list_display = ("money", "order", "method", "received_on", "reference", "recorded_by")
    list_filter = (DirectionFilter, "method", "received_on")
    list_select_related = ("order", "recorded_by")
    search_fields = ("order__id__exact", "reference")
    search_help_text = "Numéro de commande ou de facture (P2026 000010), montant (1 234,50), référence, nom ou SIRET"
    ordering = ("-received_on", "-pk")
    fields = ("order", "method", "money", "received_on", "reference", "refunds", "recorded_at", "recorded_by")
    readonly_fields = ("money",)
    admin_actions = PAYMENT_ACTIONS

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Payment], search_term: str
    ) -> tuple[QuerySet[Payment], bool]:
        """Search by the fields above, or by amount, whichever way it went, or by the order's invoices."""
        found: tuple[QuerySet[Payment], bool] = super().get_search_results(request, queryset, search_term)
        if not search_term.strip():
            return found
        invoiced = search_invoices(Invoice.objects.all(), search_term)
        meant = Q(pk__in=found[0].order_by().values("pk")) | Q(order__in=invoiced.values("order"))
        if (amount := parse_amount(search_term)) is not None:
            meant |= Q(amount__in=[amount, -amount])
        return queryset.filter(meant), False

    @admin.display(description="montant", ordering="amount")
    def money(self, payment: Payment) -> str:
        """Return the amount; refunds are negative."""
        return formatting.euros(payment.amount)
