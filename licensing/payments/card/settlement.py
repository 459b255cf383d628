"""Recording of the provider's outcomes under the order's lock, in one transaction. `refunds` records their refunds.

An outcome is the full state at the provider, and a payment only moves forward (waiting → confirmed → refunded), so
late, duplicate or reordered outcomes have no effect.
"""

from __future__ import annotations

import datetime
import json

from django.db import transaction
from payments import PaymentStatus

from core import formatting
from licensing.orders.exceptions import BadAmount, InvalidOrderDate
from licensing.orders.models import Order
from licensing.orders.operations import order_events
from licensing.payments import operations
from licensing.payments.card import refunds
from licensing.payments.card.attempts import OPEN_STATUSES
from licensing.payments.card.provider_interface import (
    ProviderNotification,
    ProviderOutcome,
    SessionState,
    to_cents,
    to_euros,
)
from licensing.payments.card.refunds import lock_order_and_payment, queue_refund, refund
from licensing.payments.models import CardPayment, Payment, PaymentKind, ProviderEvent
from licensing.payments.queries import get_refundable

#: Statuses of a payment that was charged.
_CHARGED = (PaymentStatus.CONFIRMED, PaymentStatus.REFUNDED)


@transaction.atomic
def record_outcome(
    *, payment_id: int, outcome: ProviderOutcome, at: datetime.datetime, event: ProviderNotification | None = None
) -> CardPayment:
    """Record the outcome of an attempt; return it. If it was paid, settle the order in the same transaction.

    `event`: the webhook event that triggered this; a duplicate changes nothing. An amount that the order does not owe
    is refunded.
    """
    order, payment = lock_order_and_payment(payment_id)
    if event is not None and not _store_event(event, payment, at):
        return payment
    if outcome.stage == SessionState.OVER and payment.status in OPEN_STATUSES:
        payment.status = PaymentStatus.REJECTED
        payment.save(update_fields=["status", "modified"])
    if outcome.stage == SessionState.PAID and payment.status not in _CHARGED:
        _record_charge(order, payment, outcome, at=at)
    refunds.record_refunds(order, payment, outcome, at=at)
    if outcome.disputed:
        payment.message = (
            "Le porteur de la carte a contesté ce paiement auprès de sa banque : voyez chez le prestataire s'il y a à "
            "répondre, ou ce qui est décidé."
        )
        payment.save(update_fields=["message", "modified"])
    return payment


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
    if get_refundable(recorded_payment) > 0:
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
    queue_refund(payment, None)
