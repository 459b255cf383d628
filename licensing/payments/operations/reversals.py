"""Reversals: a payment that did not come in, or was recorded by mistake, is taken back from its order.

Nothing is erased: a negative payment stands against the first, and the invoice stays as it is.
"""

from __future__ import annotations

import datetime
from decimal import Decimal

from django.db import transaction

from accounts.models import User
from core import formatting
from core.calendar import date_in_paris
from licensing.billing.operations.confirmation import get_rights_end
from licensing.billing.queries import get_balance
from licensing.orders import rights
from licensing.orders.exceptions import BadAmount, NoReason, NotInThisState
from licensing.orders.models import Order, OrderState, SettlementMethod
from licensing.orders.operations import notifications, order_events
from licensing.orders.operations.locks import lock_order
from licensing.payments.models import Payment, PaymentKind, ReversalReason
from licensing.payments.queries import get_amount_left


@transaction.atomic
def reverse_payment(
    *, payment_id: int, amount: Decimal, reason: str, text: str, by: User, at: datetime.datetime
) -> Payment:
    """Take back a cheque or a transfer, in whole or in part; return the negative payment.

    An order that is no longer fully paid awaits its payment again: its rights run until their unpaid date. The buyer is
    told if the payment bounced. `amount`: in euros. Raises `NoReason`, `NotInThisState` or `BadAmount`.
    """
    text = " ".join(text.split())
    if reason == ReversalReason.OTHER and not text:
        raise NoReason("Dites pourquoi ce règlement est annulé : les livres le gardent.")
    order = lock_order(Payment.objects.values_list("order_id", flat=True).get(pk=payment_id))
    payment = Payment.objects.get(pk=payment_id)
    if payment.amount < 0:
        raise NotInThisState("Ce mouvement est déjà une sortie : il ne s'annule pas.")
    if payment.card_id is not None:
        raise NotInThisState("Un règlement par carte ne s'annule pas ici : il se rembourse sur la carte.")
    left = get_amount_left(payment)
    if not 0 < amount <= left:
        raise BadAmount(
            f"Il reste {formatting.euros(left)} de ce règlement ; vous voulez en annuler {formatting.euros(amount)}."
        )
    reversal = Payment.objects.create(
        order=order,
        kind=PaymentKind.REVERSED,
        method=payment.method,
        amount=-amount,
        received_on=date_in_paris(at),
        reference=payment.reference,
        refunds=payment,
        reversal_reason=reason,
        explanation=text,
        recorded_at=at,
        recorded_by=by,
    )
    why = ReversalReason(reason).label.lower() + (f", {text}" if text else "")
    order_events.record(
        order,
        "payment_reversed",
        f"{formatting.euros(amount)} annulés, sur « {payment.reference} » ({why}).",
        by=by,
        at=at,
    )
    if order.state == OrderState.PAID and get_balance(order) > 0:
        await_payment_again(order, by=by, at=at)
    if reason == ReversalReason.UNPAID:
        notifications.notify_buyer(order, notifications.PAYMENT_REVERSED, at=at, payment=reversal.pk)
    return reversal


def await_payment_again(order: Order, *, by: User, at: datetime.datetime) -> None:
    """Put a paid order back to what it was before the payment that completed it."""
    # An order that was paid by card at once was never confirmed.
    order.confirmed_at = order.confirmed_at or order.paid_at
    order.state, order.paid_at = OrderState.CONFIRMED, None
    # What is missing is not paid by card again: cards pay whole orders.
    order.method = SettlementMethod.MANDATE
    order.save(update_fields=["state", "confirmed_at", "paid_at", "method"])
    rights.await_payment_again(order, until=get_rights_end(order, order.invoices.current().get()))
    summary = f"de nouveau à régler : {formatting.euros(get_balance(order))} manquent ; la facture ne change pas."
    order_events.record(order, "unpaid_again", summary, by=by, at=at)
