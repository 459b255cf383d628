"""Card payments and the provider's events. Read only; the token, which can complete a payment, is never shown."""

from __future__ import annotations

import datetime

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from payments import PaymentStatus
from unfold.admin import ModelAdmin

from accounts.models import User
from core import formatting
from licensing.payments import card
from licensing.payments.models import CardPayment, Payment, ProviderEvent
from sites.back_office.read_only import ReadOnlyAdminMixin
from sites.back_office.sales.admin_actions import ActionAdmin, AdminAction

#: French labels of django-payments' states.
_STATE_LABELS = {
    "waiting": "commencé",
    "preauth": "autorisé, pas encore encaissé",
    "confirmed": "encaissé",
    "rejected": "refusé",
    "refunded": "remboursé",
    "error": "en erreur",
    "cancelled": "abandonné",
    "input": "carte attendue",
}


class CardPaymentStateFilter(admin.SimpleListFilter):
    title = "état"
    parameter_name = "etat"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        """Return the states."""
        return list(_STATE_LABELS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[CardPayment]) -> QuerySet[CardPayment]:
        """Keep the attempts in the state that was chosen."""
        return queryset.filter(status=self.value()) if self.value() in _STATE_LABELS else queryset


def _retry_refund(payment: CardPayment, *, by: User, at: datetime.datetime) -> str:
    card.retry_refund(card_payment_id=payment.pk, by=by, at=at)
    return "Remboursement redemandé au prestataire."


def _mark_handled(payment: CardPayment, *, by: User, at: datetime.datetime) -> str:
    card.dismiss_message(card_payment_id=payment.pk, by=by, at=at)
    return "Noté : ce paiement n'attend plus."


def _refund_failed(payment: CardPayment) -> bool:
    """Whether a refund was requested from the provider and failed."""
    refunded = Payment.objects.filter(card=payment, refunds__isnull=False).exists()
    unrecorded = not Payment.objects.filter(card=payment).exists()
    return bool(payment.message) and payment.status == PaymentStatus.CONFIRMED and (refunded or unrecorded)


CARD_PAYMENT_ACTIONS: tuple[AdminAction[CardPayment], ...] = (
    AdminAction(
        path="rendre-encore",
        label="Redemander le remboursement",
        is_available=_refund_failed,
        explanation=lambda payment, _at: [
            str(payment.message),
            f"{formatting.euros(payment.total)} sont redemandés au prestataire, pour la carte qui a payé.",
        ],
        run=_retry_refund,
    ),
    AdminAction(
        path="vu",
        label="C'est réglé autrement",
        is_available=lambda payment: bool(payment.message),
        explanation=lambda payment, _at: [
            str(payment.message),
            "Dites-le une fois l'argent rendu par virement, la contestation close ou le reste décidé.",
        ],
        run=_mark_handled,
    ),
)


@admin.register(CardPayment)
class CardPaymentAdmin(ActionAdmin[CardPayment]):
    """Card payment attempts; most complete without the operator."""

    list_display = ("__str__", "order", "state", "amount", "reference", "started_at", "modified_at")
    list_filter = (CardPaymentStateFilter,)
    list_select_related = ("order",)
    search_fields = ("order__id__exact", "transaction_id__exact")
    search_help_text = "Numéro de commande, ou référence entière du prestataire"
    ordering = ("-pk",)
    fields = ("order", "state", "amount", "provider", "reference", "provider_message", "started_at", "modified_at")
    admin_actions = CARD_PAYMENT_ACTIONS

    def status_sentences(self, row: CardPayment) -> list[str]:
        """Return the provider's report, if the operator has to handle it."""
        return [str(row.message)] if row.message else []

    def get_queryset(self, request: HttpRequest) -> QuerySet[CardPayment]:
        """Return the attempts without the token and the provider's raw answer."""
        attempts: QuerySet[CardPayment] = super().get_queryset(request)
        return attempts.defer("token", "extra_data")

    @admin.display(description="état", ordering="status")
    def state(self, payment: CardPayment) -> str:
        """Return the French label of the attempt's state."""
        return _STATE_LABELS.get(str(payment.status), str(payment.status))

    @admin.display(description="montant", ordering="total")
    def amount(self, payment: CardPayment) -> str:
        """Return the requested amount."""
        return formatting.euros(payment.total)

    @admin.display(description="prestataire")
    def provider(self, payment: CardPayment) -> str:
        """Return the provider's name."""
        return str(payment.variant)

    @admin.display(description="référence du prestataire")
    def reference(self, payment: CardPayment) -> str:
        """Return the provider's identifier."""
        return str(payment.transaction_id)

    @admin.display(description="ce qu'il en a dit")
    def provider_message(self, payment: CardPayment) -> str:
        """Return the provider's failure message."""
        return str(payment.message)

    @admin.display(description="commencé le", ordering="created")
    def started_at(self, payment: CardPayment) -> str:
        """Return when the attempt started."""
        return date_format(timezone.localtime(payment.created), "DATETIME_FORMAT")

    @admin.display(description="dernier changement", ordering="modified")
    def modified_at(self, payment: CardPayment) -> str:
        """Return when the attempt last changed."""
        return date_format(timezone.localtime(payment.modified), "DATETIME_FORMAT")


@admin.register(ProviderEvent)
class ProviderEventAdmin(ReadOnlyAdminMixin, ModelAdmin):
    """Webhook events received from the provider, deduplicated."""

    list_display = ("received_at", "kind", "reference")
    list_filter = ("kind",)
    search_fields = ("event_id__exact",)
    ordering = ("-pk",)
    fields = ("received_at", "kind", "reference", "provider")

    @admin.display(description="référence du prestataire")
    def reference(self, event: ProviderEvent) -> str:
        """Return the provider's identifier."""
        return event.event_id

    @admin.display(description="prestataire")
    def provider(self, event: ProviderEvent) -> str:
        """Return the provider's name."""
        return event.variant
