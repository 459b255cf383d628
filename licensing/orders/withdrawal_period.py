"""A consumer's right to withdraw from the contract of an order: who has it, and until when (docs/decisions/0111).

Code de la consommation, articles L. 221-18 to L. 221-21 and D. 221-5.
"""

from __future__ import annotations

import datetime

from core.calendar import date_in_paris, extend_to_working_day
from licensing.orders.models import Order, OrderKind, OrderState, Payer

#: Days of the period, counted from the day after the order.
WITHDRAWAL_DAYS = 14
#: Days to refund, from the withdrawal on (article L. 221-24).
REFUND_DAYS = 14


def is_consumer(order: Order) -> bool:
    """Return whether a person pays the order for themselves: no school, no public body, no SIRET."""
    return order.kind == OrderKind.SHOP and order.payer == Payer.OTHER and not order.siret


def get_last_withdrawal_day(order: Order) -> datetime.date | None:
    """Return the last day, inclusive, on which the buyer may withdraw; None if they may not.

    The day of the order does not count; a Saturday, a Sunday or a public holiday carries over to the next working day.
    """
    if order.placed_at is None or order.state == OrderState.CANCELLED or not is_consumer(order):
        return None
    return extend_to_working_day(date_in_paris(order.placed_at) + datetime.timedelta(days=WITHDRAWAL_DAYS))


def can_withdraw(order: Order, *, at: datetime.datetime) -> bool:
    """Return whether the buyer may still withdraw at this moment."""
    last = get_last_withdrawal_day(order)
    return last is not None and date_in_paris(at) <= last


def get_refund_deadline(withdrawn_at: datetime.datetime) -> datetime.date:
    """Return the last day to refund what was received."""
    return date_in_paris(withdrawn_at) + datetime.timedelta(days=REFUND_DAYS)
