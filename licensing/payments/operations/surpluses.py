"""Overpayments: what came in beyond what is owed is given back, or moved to another order of the same payer."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from decimal import Decimal

from django.db import transaction

from accounts.models import User
from core import formatting
from core.calendar import date_in_paris
from licensing.billing.queries import get_balance
from licensing.orders.exceptions import BadAmount, BadReference, NotInThisState
from licensing.orders.models import Order
from licensing.orders.operations import notifications, order_events
from licensing.orders.operations.locks import lock_order, lock_orders
from licensing.payments.models import Payment, PaymentKind
from licensing.payments.operations.receipts import mark_paid
from licensing.payments.queries import get_surplus, list_owed_orders, list_payments_left


@transaction.atomic
def give_back_surplus(
    *, order_id: int, amount: Decimal, method: str, reference: str, by: User, at: datetime.datetime
) -> list[Payment]:
    """Record that an overpayment was given back, by cheque or transfer; return the negative payments.

    The latest payments are taken back first. `amount`: in euros. Raises `BadReference` or `BadAmount`.
    """
    reference = " ".join(reference.split())
    if not reference:
        raise BadReference("Indiquez le libellé du virement ou le numéro du chèque de remboursement.")
    order = lock_order(order_id)
    _check_amount(order, amount)
    refunds = [
        _take_back(payment, PaymentKind.REFUNDED, part, method=method, reference=reference, by=by, at=at)
        for payment, part in _split(order, amount)
    ]
    order_events.record(
        order, "refunded", f"{formatting.euros(amount)} de trop-perçu rendus ({reference}).", by=by, at=at
    )
    for one in refunds:
        notifications.notify_buyer(order, notifications.REFUNDED, at=at, payment=one.pk)
    return refunds


@transaction.atomic
def move_surplus(*, order_id: int, target_id: int, amount: Decimal, by: User, at: datetime.datetime) -> list[Payment]:
    """Move an overpayment to another order that the same payer owes; return the payments of that order.

    Once fully paid, its rights become firm. `amount`: in euros. Raises `BadAmount` or `NotInThisState`.
    """
    orders = lock_orders(order_id, target_id)
    order, target = orders[order_id], orders[target_id]
    if not list_owed_orders(order).filter(pk=target.pk).exists():
        raise NotInThisState(f"{target} n'est pas à régler, ou pas par le même payeur.")
    _check_amount(order, amount)
    due = get_balance(target)
    if amount > due:
        raise BadAmount(f"{target} : il reste {formatting.euros(due)} à régler, reportez-en autant au plus.")
    moved = []
    for payment, part in _split(order, amount):
        out = _take_back(
            payment, PaymentKind.MOVED_OUT, part, method=payment.method, reference=payment.reference, by=by, at=at
        )
        moved.append(
            Payment.objects.create(
                order=target,
                kind=PaymentKind.MOVED_IN,
                method=payment.method,
                amount=part,
                received_on=date_in_paris(at),
                reference=payment.reference,
                moved_from=out,
                recorded_at=at,
                recorded_by=by,
            )
        )
    euros, source, paid = formatting.euros(amount), str(order).lower(), str(target).lower()
    order_events.record(order, "surplus_moved", f"{euros} de trop-perçu reportés sur la {paid}.", by=by, at=at)
    order_events.record(target, "payment_recorded", f"{euros} reportés, trop-perçus sur la {source}.", by=by, at=at)
    notifications.notify_buyer(
        order, notifications.SURPLUS_MOVED, at=at, target=target.pk, payments=[one.pk for one in moved]
    )
    if amount == due:
        mark_paid(target, by=by, at=at, opened=True)
    return moved


def _check_amount(order: Order, amount: Decimal) -> None:
    """Raise `BadAmount` unless the order has an overpayment of that much."""
    surplus = get_surplus(order)
    if not 0 < amount <= surplus:
        raise BadAmount(
            f"{order} : le trop-perçu est de {formatting.euros(surplus)} ; vous avez saisi {formatting.euros(amount)}."
        )


def _split(order: Order, amount: Decimal) -> Iterator[tuple[Payment, Decimal]]:
    """Yield the payments that an overpayment is taken from, the latest first, each with its part."""
    for payment, left in list_payments_left(order):
        part = min(left, amount)
        if part > 0:
            yield payment, part
        amount -= part


def _take_back(
    payment: Payment,
    kind: PaymentKind,
    amount: Decimal,
    *,
    method: str,
    reference: str,
    by: User,
    at: datetime.datetime,
) -> Payment:
    return Payment.objects.create(
        order_id=payment.order_id,
        kind=kind,
        method=method,
        amount=-amount,
        received_on=date_in_paris(at),
        reference=reference,
        refunds=payment,
        recorded_at=at,
        recorded_by=by,
    )
