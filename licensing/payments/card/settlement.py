"""Recording of the provider's outcomes: the only place that does, under the order's lock, in one transaction.

An outcome is the full state at the provider, and a payment only moves forward (waiting → confirmed → refunded), so
late, duplicate or reordered outcomes have no effect.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from django.db import transaction
from django_tenants.utils import get_public_schema_name
from payments import PaymentStatus

from core import formatting
from jobs.tasks import defer
from licensing.billing import operations as billing_operations
from licensing.billing.queries import get_amount_received, get_balance
from licensing.orders.exceptions import BadAmount, InvalidOrderDate
from licensing.orders.models import OrderState
from licensing.orders.operations import order_events
from licensing.orders.operations.locks import lock_order
from licensing.payments import operations
from licensing.payments.card.attempts import OPEN_STATUSES
from licensing.payments.card.provider_interface import REFUND_RETRIES, SessionState, to_cents, to_euros
from licensing.payments.exceptions import NotToPay
from licensing.payments.models import CardPayment, Payment, PaymentKind, ProviderEvent

if TYPE_CHECKING:
    import datetime

    from accounts.models import User
    from licensing.orders.models import Order
    from licensing.payments.card.provider_interface import ProviderNotification, ProviderOutcome

#: Statuses of a payment that was charged.
_CHARGED = (PaymentStatus.CONFIRMED, PaymentStatus.REFUNDED)
#: Key in a payment's provider data: the identifier of the failed refund.
_FAILED_REFUND = "failed_refund"


@transaction.atomic
def record_outcome(
    *, payment_id: int, outcome: ProviderOutcome, at: datetime.datetime, event: ProviderNotification | None = None
) -> CardPayment:
    """Record the outcome of an attempt; return it. If it was paid, settle the order in the same transaction.

    `event`: the webhook event that triggered this; a duplicate changes nothing. An amount that the order does not owe
    is refunded.
    """
    order, payment = _lock_order_and_payment(payment_id)
    if event is not None and not _store_event(event, payment, at):
        return payment
    if outcome.stage == SessionState.OVER and payment.status in OPEN_STATUSES:
        payment.status = PaymentStatus.REJECTED
        payment.save(update_fields=["status", "modified"])
    if outcome.stage == SessionState.PAID and payment.status not in _CHARGED:
        _record_charge(order, payment, outcome, at=at)
    if outcome.refunded or outcome.refund_failure:
        _record_refund(order, payment, outcome, at=at)
    if outcome.disputed:
        payment.message = (
            "Le porteur de la carte a contesté ce paiement auprès de sa banque : voyez chez le prestataire s'il y a à "
            "répondre, ou ce qui est décidé."
        )
        payment.save(update_fields=["message", "modified"])
    return payment


@transaction.atomic
def refund(*, payment_id: int, by: User | None, at: datetime.datetime) -> Payment:
    """Refund a card payment: record it now, and queue the refund at the provider; return the negative payment.

    Idempotent. Raises `NotToPay` if it was not paid by card, `NotInThisState` if the order still needs the money.
    """
    payment = Payment.objects.select_related("card").get(pk=payment_id)
    if payment.card is None:
        raise NotToPay("Ce règlement n'est pas venu par carte.")
    refunded = operations.refund(payment_id=payment_id, by=by, at=at, reference=payment.reference)
    _queue_refund(payment.card)
    return refunded


@transaction.atomic
def retry_refund(*, card_payment_id: int, by: User, at: datetime.datetime) -> CardPayment:
    """Retry a refund that failed at the provider; return the card payment.

    Raises `NotToPay` if it is not to be refunded, or already is.
    """
    order, payment = _lock_order_and_payment(card_payment_id)
    recorded_payment = Payment.objects.filter(card=payment, kind=PaymentKind.RECEIVED).first()
    refundable = recorded_payment is None or Payment.objects.filter(refunds=recorded_payment).exists()
    if payment.status != PaymentStatus.CONFIRMED or not refundable:
        raise NotToPay("Ce paiement n'est pas à rendre : remboursez-le d'abord, depuis son règlement.")
    payment.message = ""
    payment.extra_data = json.dumps(
        payment.provider_data | {REFUND_RETRIES: payment.provider_data.get(REFUND_RETRIES, 0) + 1}
    )
    payment.save(update_fields=["message", "extra_data", "modified"])
    order_events.record(
        order, "card_refund_retried", "remboursement redemandé au prestataire de paiement.", by=by, at=at
    )
    _queue_refund(payment)
    return payment


@transaction.atomic
def dismiss_message(*, card_payment_id: int, by: User, at: datetime.datetime) -> CardPayment:
    """Clear the message of a card payment once the operator has handled it; return the payment. Idempotent."""
    order, payment = _lock_order_and_payment(card_payment_id)
    if payment.message:
        order_events.record(order, "card_checked", f"vu : {payment.message}", by=by, at=at)
        payment.message = ""
        payment.save(update_fields=["message", "modified"])
    return payment


def _lock_order_and_payment(payment_id: int) -> tuple[Order, CardPayment]:
    """Lock an attempt's order, then the attempt; return both."""
    order = lock_order(CardPayment.objects.values_list("order_id", flat=True).get(pk=payment_id))
    return order, CardPayment.objects.locked().get(pk=payment_id)


def _store_event(event: ProviderNotification, payment: CardPayment, at: datetime.datetime) -> bool:
    """Store the event; return False if it is a duplicate."""
    _, created = ProviderEvent.objects.get_or_create(
        variant=payment.variant, event_id=event.number, defaults={"kind": event.kind, "received_at": at}
    )
    return created


def _record_charge(order: Order, payment: CardPayment, outcome: ProviderOutcome, *, at: datetime.datetime) -> None:
    payment.status = PaymentStatus.CONFIRMED
    payment.transaction_id = payment.transaction_id or outcome.reference
    payment.captured_amount = to_euros(outcome.amount)
    payment.extra_data = json.dumps(payment.provider_data | {"charge": outcome.charge})
    payment.message = ""
    payment.save()
    expected = (payment.transaction_id, payment.token, to_cents(payment.total), payment.currency)
    if (outcome.reference, outcome.token, outcome.amount, outcome.currency) != expected:
        _refund_undue(order, payment, "ce n'est pas ce qui était demandé", at=at)
        return
    try:
        operations.settle_by_card(card_payment_id=payment.pk, at=at)
    except BadAmount:
        _refund_undue(order, payment, "la commande a changé entre-temps", at=at)
        return
    except InvalidOrderDate:
        _refund_undue(order, payment, "l'année scolaire de ces licences est terminée", at=at)
        return
    order.refresh_from_db()
    recorded_payment = Payment.objects.get(card=payment, kind=PaymentKind.RECEIVED)
    if order.state == OrderState.CANCELLED or get_balance(order) < 0:
        refund(payment_id=recorded_payment.pk, by=None, at=at)


def _refund_undue(order: Order, payment: CardPayment, reason: str, *, at: datetime.datetime) -> None:
    """Refund a charge that the order does not owe, without recording it as a payment."""
    payment.message = f"Reçu par carte sans être dû ({reason}) : remboursement demandé."
    payment.save(update_fields=["message", "modified"])
    order_events.record(
        order,
        "card_undue_refunded",
        f"{formatting.euros(payment.captured_amount)} payés par carte et aussitôt remboursés : {reason}.",
        by=None,
        at=at,
    )
    _queue_refund(payment)


def _queue_refund(payment: CardPayment) -> None:
    defer("payments.card.refund_in_full", schema=get_public_schema_name(), payment_id=payment.pk)


def _record_refund(order: Order, payment: CardPayment, outcome: ProviderOutcome, *, at: datetime.datetime) -> None:
    """Record a refund, made by us or in the provider's dashboard, and the matching payment rows."""
    if outcome.refund == payment.provider_data.get(_FAILED_REFUND) and not outcome.refund_failure:
        # A late outcome, fetched before the refund failed: keep the failure.
        return
    before = payment.captured_amount
    payment.captured_amount = to_euros(outcome.amount - outcome.refunded)
    payment.message = ""
    recorded_payment = Payment.objects.filter(card=payment, kind=PaymentKind.RECEIVED).first()
    refund_recorded = recorded_payment is not None and Payment.objects.filter(refunds=recorded_payment).exists()
    if outcome.refund_failure:
        payment.status = PaymentStatus.CONFIRMED
        payment.extra_data = json.dumps(payment.provider_data | {_FAILED_REFUND: outcome.refund})
        payment.message = f"Le remboursement a échoué ({outcome.refund_failure}) : faites-le par virement."
    elif outcome.refunded >= outcome.amount:
        payment.status = PaymentStatus.REFUNDED
    elif not refund_recorded:
        payment.message = (
            f"{formatting.euros(to_euros(outcome.refunded))} remboursés chez le prestataire, sur "
            f"{formatting.euros(to_euros(outcome.amount))} : décidez avec la comptabilité ce que devient la commande."
        )
    payment.save()
    if payment.captured_amount < before:
        refunded = formatting.euros(before - payment.captured_amount)
        order_events.record(
            order, "card_refunded", f"{refunded} rendus par le prestataire de paiement.", by=None, at=at
        )
    if payment.status != PaymentStatus.REFUNDED or recorded_payment is None or refund_recorded:
        return
    # Refunded in the provider's dashboard: record it here, with its credit note.
    if get_amount_received(order) - recorded_payment.amount < order.total_ttc:
        billing_operations.cancel(order_id=order.pk, reason="Paiement remboursé.", by=None, at=at)
    operations.refund(payment_id=recorded_payment.pk, by=None, at=at, reference=outcome.refund)
