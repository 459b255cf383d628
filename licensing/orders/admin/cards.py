"""Payments by card, as the provider told of them. Read only, and never the token: whoever has it can end a payment."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from django.contrib import admin
from payments import PaymentStatus
from unfold.admin import ModelAdmin

from licensing.orders import card
from licensing.orders.admin.deeds import Deed, Desk
from licensing.orders.models import CardPayment, Payment, ProviderEvent
from web import typography
from web.read_only import ReadOnly

if TYPE_CHECKING:
    import datetime

    from django.db.models import QuerySet
    from django.http import HttpRequest

    from accounts.models import User


#: The library's states, as the operator reads them.
STATES = {
    "waiting": "commencé",
    "preauth": "autorisé, pas encore encaissé",
    "confirmed": "encaissé",
    "rejected": "refusé",
    "refunded": "remboursé",
    "error": "en erreur",
    "cancelled": "abandonné",
    "input": "carte attendue",
}


class StateFilter(admin.SimpleListFilter):
    title = "état"
    parameter_name = "etat"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        """Return the states."""
        return list(STATES.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[CardPayment]) -> QuerySet[CardPayment]:
        """Keep the attempts in the state that was chosen."""
        return queryset.filter(status=self.value()) if self.value() in STATES else queryset


def _send_again(payment: CardPayment, *, by: User, at: datetime.datetime) -> str:
    card.send_again(card_payment_id=payment.pk, by=by, at=at)
    return "Remboursement redemandé au prestataire."


def _looked_at(payment: CardPayment, *, by: User, at: datetime.datetime) -> str:
    card.looked_at(card_payment_id=payment.pk, by=by, at=at)
    return "Noté : ce paiement n'attend plus."


def _goes_back(payment: CardPayment) -> bool:
    """Whether the provider was asked for the money back, and could not send it."""
    given_back = Payment.objects.filter(card=payment, refunds__isnull=False).exists()
    unasked = not Payment.objects.filter(card=payment).exists()
    return bool(payment.message) and payment.status == PaymentStatus.CONFIRMED and (given_back or unasked)


DEEDS: tuple[Deed[CardPayment], ...] = (
    Deed(
        path="rendre-encore",
        label="Redemander le remboursement",
        possible=_goes_back,
        says=lambda payment, _at: [
            str(payment.message),
            f"{typography.euros(payment.total)} sont redemandés au prestataire, pour la carte qui a payé.",
        ],
        do=_send_again,
    ),
    Deed(
        path="vu",
        label="C'est réglé autrement",
        possible=lambda payment: bool(payment.message),
        says=lambda payment, _at: [
            str(payment.message),
            "Dites-le une fois l'argent rendu par virement, la contestation close ou le reste décidé.",
        ],
        do=_looked_at,
    ),
)


@admin.register(CardPayment)
class CardPaymentAdmin(Desk[CardPayment]):
    """Attempts to pay by card: most come to their end by themselves."""

    list_display = ("__str__", "order", "state", "amount", "reference", "began", "changed")
    list_filter = (StateFilter,)
    list_select_related = ("order",)
    search_fields = ("order__id__exact", "transaction_id__exact")
    search_help_text = "Numéro de commande, ou référence entière du prestataire"
    ordering = ("-pk",)
    fields = ("order", "state", "amount", "provider", "reference", "said", "began", "changed")
    deeds = DEEDS

    def situation(self, row: CardPayment) -> list[str]:
        """Return what the provider reported, where somebody must see to it."""
        return [str(row.message)] if row.message else []

    def get_queryset(self, request: HttpRequest) -> QuerySet[CardPayment]:
        """Leave the token, and what the provider answered, where they are."""
        attempts: QuerySet[CardPayment] = super().get_queryset(request)
        return attempts.defer("token", "extra_data")

    @admin.display(description="état", ordering="status")
    def state(self, payment: CardPayment) -> str:
        """Return where the attempt is."""
        return STATES.get(str(payment.status), str(payment.status))

    @admin.display(description="montant", ordering="total")
    def amount(self, payment: CardPayment) -> str:
        """Return the sum that was asked for."""
        return typography.euros(payment.total)

    @admin.display(description="prestataire")
    def provider(self, payment: CardPayment) -> str:
        """Return who asks for the card."""
        return str(payment.variant)

    @admin.display(description="référence du prestataire")
    def reference(self, payment: CardPayment) -> str:
        """Return the provider's own number."""
        return str(payment.transaction_id)

    @admin.display(description="ce qu'il en a dit")
    def said(self, payment: CardPayment) -> str:
        """Return the provider's word on a failure."""
        return str(payment.message)

    @admin.display(description="commencé le", ordering="created")
    def began(self, payment: CardPayment) -> datetime.datetime:
        """Return when the buyer set out."""
        return cast("datetime.datetime", payment.created)

    @admin.display(description="dernier changement", ordering="modified")
    def changed(self, payment: CardPayment) -> datetime.datetime:
        """Return when something last happened."""
        return cast("datetime.datetime", payment.modified)


@admin.register(ProviderEvent)
class ProviderEventAdmin(ReadOnly, ModelAdmin):
    """What the provider told, each thing once."""

    list_display = ("received_at", "kind", "reference")
    list_filter = ("kind",)
    search_fields = ("event_id__exact",)
    ordering = ("-pk",)
    fields = ("received_at", "kind", "reference", "provider")

    @admin.display(description="référence du prestataire")
    def reference(self, event: ProviderEvent) -> str:
        """Return the provider's own number."""
        return event.event_id

    @admin.display(description="prestataire")
    def provider(self, event: ProviderEvent) -> str:
        """Return who told it."""
        return event.variant
