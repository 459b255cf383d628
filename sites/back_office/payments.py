"""Payments, refunds and what is taken back; card payments, read only: the token that completes one is never shown."""

import datetime
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from payments import PaymentStatus

from accounts.models import User
from core.calendar import date_in_paris
from core.formatting import end_sentence, euros, join_words, long_date
from licensing.books.bank.models import LinePayment
from licensing.books.billing.models import Invoice
from licensing.books.billing.queries import get_amount_received, get_balance, parse_amount, search_invoices
from licensing.orders.models import OrderState
from licensing.orders.order_events import list_order_recipients
from licensing.orders.settlement import PaymentMethod
from licensing.payments import card
from licensing.payments import operations as payment_operations
from licensing.payments.models import CardPayment, Payment, PaymentKind, ProviderEvent, ReversalReason
from licensing.payments.queries import get_amount_left, get_refundable
from sites.back_office.forms import RefundForm, ReversalForm
from sites.back_office.model_admins import (
    ActionAdmin,
    AdminAction,
    FurtherSearchAdmin,
    ReadOnlyAdmin,
    call,
    choice_filter,
    column,
)
from sites.back_office.waiting import TO_CHECK, TO_COLLECT, order_url

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


CardPaymentStateFilter = choice_filter(
    "état", "etat", _STATE_LABELS, lambda attempts, state: attempts.filter(status=state)
)


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
        run=call(card.retry_refund, "card_payment_id", "Remboursement redemandé au prestataire."),
    ),
    AdminAction(
        path="vu",
        label="C'est réglé autrement",
        is_available=lambda payment: bool(payment.message),
        run=call(card.dismiss_message, "card_payment_id", "Noté : ce paiement n'attend plus."),
    ),
)


def _format_moment(moment: datetime.datetime) -> str:
    return date_format(timezone.localtime(moment), "DATETIME_FORMAT")


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

    state = column("état", lambda row: _STATE_LABELS.get(row.status, row.status), ordering="status")
    amount = column("montant", "total", euros, ordering="total")
    provider = column("prestataire", "variant")
    reference = column("référence du prestataire", "transaction_id")
    provider_message = column("ce qu'il en a dit", "message")
    started_at = column("commencé le", "created", _format_moment, ordering="created")
    modified_at = column("dernier changement", "modified", _format_moment, ordering="modified")


@admin.register(ProviderEvent)
class ProviderEventAdmin(ReadOnlyAdmin):
    """Webhook events received from the provider, deduplicated."""

    list_display = ("received_at", "kind", "reference")
    list_filter = ("kind",)
    search_fields = ("event_id__exact",)
    ordering = ("-pk",)
    fields = ("received_at", "kind", "reference", "provider")

    reference = column("référence du prestataire", "event_id")
    provider = column("prestataire", "variant")


def get_correction_url(payment: Payment, slug: str) -> str:
    """Return the work page of the order, in the list `slug` if it is one, with the payment to record anew."""
    return f"{order_url(slug if slug == TO_CHECK else TO_COLLECT, payment.order_id)}?reprendre={payment.pk}"


def describe_reversals(payment: Payment) -> list[str]:
    """Return when a payment was reversed and why, a sentence for each time; of a reversal, what it takes back."""
    if payment.kind == PaymentKind.REVERSED and payment.refunds is not None:
        taken_back = payment.refunds
        return [
            end_sentence(
                f"Annule le règlement de {taken_back}, reçu le {long_date(taken_back.received_on)} : "
                f"{_describe_reason(payment)}"
            )
        ]
    reversals = payment.taken_back.filter(kind=PaymentKind.REVERSED).order_by("pk")
    return [_describe_reversal(payment, one) for one in reversals]


def _describe_reversal(payment: Payment, reversal: Payment) -> str:
    what = "Annulé" if reversal.amount == -payment.amount else f"{euros(-reversal.amount)} annulés"
    return end_sentence(f"{what} le {long_date(date_in_paris(reversal.recorded_at))} : {_describe_reason(reversal)}")


def _describe_reason(reversal: Payment) -> str:
    """Return « erreur de saisie », with what the operator added; for another reason, that alone."""
    if reversal.reversal_reason == ReversalReason.OTHER:
        return reversal.explanation
    label = ReversalReason(reversal.reversal_reason).label.lower()
    return f"{label}, {reversal.explanation}" if reversal.explanation else label


def _is_reversible(payment: Payment) -> bool:
    """Whether the payment can be reversed: a cheque or a transfer of which something is left."""
    return payment.card_id is None and payment.amount > 0 and get_amount_left(payment) > 0


def _is_owed_again(payment: Payment) -> bool:
    """Whether the order is to be paid, in part or whole, once what is left of the payment is reversed."""
    order = payment.order
    if order.state == OrderState.PAID:
        return get_amount_received(order) - get_amount_left(payment) < order.owed
    return order.state == OrderState.CONFIRMED


def _list_readers(_today: datetime.date) -> dict[str, Callable[[Payment], Any]]:
    """Return what the sentences about a payment are made of."""
    return {
        "is_owed_again": _is_owed_again,
        "recipients": lambda payment: join_words([user.email for user in list_order_recipients(payment.order)]),
        "refundable": get_refundable,
        "returned": lambda payment: PaymentMethod(payment.method).rules.returned,
    }


def _reverse(payment: Payment, *, amount: Decimal, reason: str, text: str, by: User, at: datetime.datetime) -> str:
    payment_operations.reverse_payment(payment_id=payment.pk, amount=amount, reason=reason, text=text, by=by, at=at)
    due = get_balance(payment.order)
    if payment.order.state == OrderState.CANCELLED or due <= 0:
        return f"{euros(amount)} annulés."
    return f"{euros(amount)} annulés : {euros(due)} restent à régler."


def _is_refundable(payment: Payment) -> bool:
    """Whether some of the payment is to be refunded: its order was cancelled, or costs less than it received."""
    return payment.amount > 0 and get_refundable(payment) > 0


def _describe_refund(what: str) -> Callable[[Payment, Payment, dict[str, Any]], str]:
    return lambda _payment, refunded, _typed: f"Remboursement de {euros(-refunded.amount)} {what}."


PAYMENT_ACTIONS: tuple[AdminAction[Payment], ...] = (
    AdminAction(
        path="rembourser",
        label="Inscrire le remboursement",
        is_available=lambda payment: payment.card_id is None and _is_refundable(payment),
        readers=_list_readers,
        run=call(payment_operations.refund, "payment_id", _describe_refund("inscrit")),
        form=RefundForm,
    ),
    AdminAction(
        path="rembourser-la-carte",
        label="Rembourser sur la carte",
        is_available=lambda payment: payment.card_id is not None and _is_refundable(payment),
        readers=_list_readers,
        run=call(card.refund, "payment_id", _describe_refund("demandé au prestataire")),
    ),
    AdminAction(
        path="annuler",
        label="Annuler ce règlement",
        is_available=_is_reversible,
        readers=_list_readers,
        run=_reverse,
        form=ReversalForm,
        initial=lambda payment, _at: {"amount": get_amount_left(payment)},
        primary=False,
    ),
)


DirectionFilter = choice_filter(
    "sens",
    "sens",
    {"recus": "reçus", "rendus": "rendus ou annulés"},
    lambda payments, way: payments.filter(refunds__isnull=way == "recus"),
)


@admin.register(Payment)
class PaymentAdmin(ActionAdmin[Payment], FurtherSearchAdmin):
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

    def search_further(self, term: str) -> Q:
        """Search by the order's invoices as well, and by amount, whichever way it went."""
        meant, amount = Q(order__in=search_invoices(Invoice.objects.all(), term).values("order")), parse_amount(term)
        return meant if amount is None else meant | Q(amount__in=[amount, -amount])

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

    payer = column("payeur", "order.bill_name", ordering="order__bill_name")
    money = column("montant", "amount", euros, ordering="amount")
