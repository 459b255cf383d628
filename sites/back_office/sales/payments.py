"""Payments, refunds and what is taken back; card payments, read only: the token that completes one is never shown."""

from __future__ import annotations

import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse

from accounts.models import User
from core import formatting
from licensing.bank.models import LinePayment
from licensing.billing.models import Invoice
from licensing.billing.queries import parse_amount, search_invoices
from licensing.payments import card
from licensing.payments import operations as payment_operations
from licensing.payments.models import Payment, ReversalReason
from licensing.payments.queries import get_refundable
from sites.back_office.sales.admin_actions import ActionAdmin, AdminAction
from sites.back_office.sales.forms import RefundForm
from sites.back_office.sales.reversal_action import PAYMENT_REVERSAL, describe_reversals, get_correction_url


def _is_refundable(payment: Payment) -> bool:
    """Whether some of the payment is to be refunded: its order was cancelled, or costs less than it received."""
    return payment.amount > 0 and get_refundable(payment) > 0


def _record_refund(payment: Payment, *, reference: str, by: User, at: datetime.datetime) -> str:
    refunded = payment_operations.refund(payment_id=payment.pk, reference=reference, by=by, at=at)
    return f"Remboursement de {formatting.euros(-refunded.amount)} inscrit."


def _refund_card(payment: Payment, *, by: User, at: datetime.datetime) -> str:
    refunded = card.refund(payment_id=payment.pk, by=by, at=at)
    return f"Remboursement de {formatting.euros(-refunded.amount)} demandé au prestataire."


PAYMENT_ACTIONS: tuple[AdminAction[Payment], ...] = (
    AdminAction(
        path="rembourser",
        label="Inscrire le remboursement",
        is_available=lambda payment: payment.card_id is None and _is_refundable(payment),
        explanation=lambda payment, _at: [
            (
                f"Rien n'est viré d'ici : faites d'abord partir {formatting.euros(get_refundable(payment))} de votre"
                " banque."
            ),
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
            f"{formatting.euros(get_refundable(payment))} sont rendus sur la carte, par le prestataire.",
            "L'acheteur reçoit un e-mail.",
        ],
        run=_refund_card,
    ),
    PAYMENT_REVERSAL,
)


class DirectionFilter(admin.SimpleListFilter):
    title = "sens"
    parameter_name = "sens"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        """Return « came in » and « went back »."""
        return [("recus", "reçus"), ("rendus", "rendus ou annulés")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Payment]) -> QuerySet[Payment]:
        """Keep what came in, or what went back."""
        if self.value() not in ("recus", "rendus"):
            return queryset
        return queryset.filter(refunds__isnull=self.value() == "recus")


@admin.register(Payment)
class PaymentAdmin(ActionAdmin[Payment]):
    """Payments and refunds, with their order."""

    list_display = ("money", "payer", "order", "kind", "method", "received_on", "reference", "recorded_by")
    list_filter = (DirectionFilter, "kind", "method", "received_on")
    list_select_related = ("order", "recorded_by")
    search_fields = ("order__id__exact", "reference")
    search_help_text = "Numéro de commande ou de facture (P2026 000010), montant (1 234,50), référence, nom ou SIRET"
    ordering = ("-received_on", "-pk")
    fields = (
        "order", "kind", "method", "money", "received_on", "reference", "refunds", "reversal_reason", "explanation",
        "provider_refund", "recorded_at", "recorded_by",
    )  # fmt: skip
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

    def status_sentences(self, row: Payment) -> list[str]:
        """Return whether the payment was reversed, when and why."""
        return describe_reversals(row)

    def get_next_url(
        self, request: HttpRequest, row: Payment, admin_action: AdminAction[Payment], typed: dict[str, Any]
    ) -> str:
        """Return the page that follows an action: after a mistake, that of the order, to record the payment anew."""
        if typed.get("reason") == ReversalReason.MISTAKE:
            return get_correction_url(row, request.GET.get("liste", ""))
        return super().get_next_url(request, row, admin_action, typed)

    def links(self, row: Payment) -> list[tuple[str, str]]:
        """Return the links to the order, and to the line of a bank statement that shows the payment."""
        shown = LinePayment.objects.filter(payment=row, released_at__isnull=True).select_related("line")
        lines = [
            (f"{link.line}, au relevé", reverse("admin:bank_statementline_choice", args=[link.line_id]))
            for link in shown
        ]
        return [(str(row.order), reverse("admin:orders_order_change", args=[row.order_id])), *lines]

    @admin.display(description="payeur", ordering="order__bill_name")
    def payer(self, payment: Payment) -> str:
        """Return who is billed for the order."""
        return payment.order.bill_name

    @admin.display(description="montant", ordering="amount")
    def money(self, payment: Payment) -> str:
        """Return the amount; what went back is negative."""
        return formatting.euros(payment.amount)
