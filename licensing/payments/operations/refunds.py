"""Refunds: money given back, in whole or in part."""

from __future__ import annotations

import datetime
from decimal import Decimal

from django.db import transaction

from accounts.models import User
from core import formatting
from core.calendar import date_in_paris
from licensing.billing.queries import get_amount_received
from licensing.orders.exceptions import BadAmount, NotInThisState
from licensing.orders.models import Order, OrderState
from licensing.orders.operations import notifications, order_events
from licensing.orders.operations.locks import lock_order
from licensing.payments.models import Payment, PaymentKind
from licensing.payments.queries import get_amount_left, get_refundable


@transaction.atomic
def refund(
    *, payment_id: int, by: User | None, at: datetime.datetime, reference: str = "", amount: Decimal | None = None
) -> Payment:
    """Record the refund of a payment of a cancelled or overpaid order; return the negative payment.

    `amount`, in euros: None for all of the payment that the order can spare. Once nothing is left, the last refund is
    returned. Raises `BadAmount`, or `NotInThisState` if the order would no longer be fully paid.
    """
    order_id = Payment.objects.values_list("order_id", flat=True).get(pk=payment_id)
    order = lock_order(order_id)
    payment = Payment.objects.get(pk=payment_id)
    if payment.amount < 0:
        raise NotInThisState("Ce mouvement est déjà une sortie : il ne se rembourse pas.")
    left = get_amount_left(payment)
    known = payment.taken_back.filter(kind=PaymentKind.REFUNDED).order_by("pk").last()
    if left == 0 and known is not None:
        return known
    amount = get_refundable(payment) or left if amount is None else amount
    if not 0 < amount <= left:
        raise BadAmount(
            f"Il reste {formatting.euros(left)} de ce règlement ; vous voulez en rendre {formatting.euros(amount)}."
        )
    if order.state != OrderState.CANCELLED and get_amount_received(order) - amount < order.owed:
        raise NotInThisState(f"{order} n'est pas annulée : annulez-la d'abord, ce qui émet l'avoir.")
    return _record(order, payment, amount, reference=reference, by=by, at=at)


@transaction.atomic
def record_provider_refund(
    *, payment_id: int, amount: Decimal, reference: str, at: datetime.datetime
) -> Payment | None:
    """Record a refund that was made in the card provider's dashboard, once; return the negative payment.

    None if nothing is left of the payment: our own refunds took it. An order that is no longer fully paid waits for the
    operator. `amount`: in euros; `reference`: the provider's identifier.
    """
    order = lock_order(Payment.objects.values_list("order_id", flat=True).get(pk=payment_id))
    payment = Payment.objects.get(pk=payment_id)
    known = payment.taken_back.filter(provider_refund=reference).first()
    amount = min(amount, get_amount_left(payment))
    if known is not None or amount <= 0:
        return known
    return _record(order, payment, amount, reference=reference, by=None, at=at, provider_refund=reference)


def _record(
    order: Order,
    payment: Payment,
    amount: Decimal,
    *,
    reference: str,
    by: User | None,
    at: datetime.datetime,
    provider_refund: str = "",
) -> Payment:
    refund_payment = Payment.objects.create(
        order=order,
        kind=PaymentKind.REFUNDED,
        method=payment.method,
        amount=-amount,
        received_on=date_in_paris(at),
        reference=reference,
        card=payment.card,
        refunds=payment,
        provider_refund=provider_refund,
        recorded_at=at,
        recorded_by=by,
    )
    where = " depuis le tableau de bord du prestataire" if provider_refund else ""
    summary = f"{formatting.euros(amount)} remboursés{where}."
    order_events.record(order, "refunded", summary, by=by, at=at)
    notifications.notify_buyer(order, notifications.REFUNDED, at=at, payment=refund_payment.pk)
    return refund_payment
