"""Refunds: money given back, in whole or in part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from core import formatting
from core.calendar import date_in_paris
from licensing.billing.queries import get_amount_received
from licensing.orders.exceptions import BadAmount, NotInThisState
from licensing.orders.models import OrderState
from licensing.orders.operations import notifications, order_events
from licensing.orders.operations.locks import lock_order
from licensing.payments.models import Payment, PaymentKind
from licensing.payments.queries import get_amount_left

if TYPE_CHECKING:
    import datetime
    from decimal import Decimal

    from accounts.models import User


@transaction.atomic
def refund(
    *, payment_id: int, by: User | None, at: datetime.datetime, reference: str = "", amount: Decimal | None = None
) -> Payment:
    """Record the refund of a payment of a cancelled or overpaid order; return the negative payment.

    `amount`, in euros: None for all that is left of the payment. Once nothing is left, the last refund is returned.
    Raises `BadAmount`, or `NotInThisState` if the order would no longer be fully paid.
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
    amount = left if amount is None else amount
    if not 0 < amount <= left:
        raise BadAmount(
            f"Il reste {formatting.euros(left)} de ce règlement ; vous voulez en rendre {formatting.euros(amount)}."
        )
    if order.state != OrderState.CANCELLED and get_amount_received(order) - amount < order.total_ttc:
        raise NotInThisState(f"{order} n'est pas annulée : annulez-la d'abord, ce qui émet l'avoir.")
    refund_payment = Payment.objects.create(
        order=order,
        kind=PaymentKind.REFUNDED,
        method=payment.method,
        amount=-amount,
        received_on=date_in_paris(at),
        reference=reference,
        card=payment.card,
        refunds=payment,
        recorded_at=at,
        recorded_by=by,
    )
    order_events.record(order, "refunded", f"{formatting.euros(amount)} remboursés.", by=by, at=at)
    notifications.notify_buyer(order, notifications.REFUNDED, at=at, payment=refund_payment.pk)
    return refund_payment
