"""Withdrawal of a consumer from the contract of an order: it is cancelled and what was paid is given back."""

from __future__ import annotations

import datetime

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.models import User
from core import formatting
from core.calendar import PARIS
from core.contact_details import check_plain_name
from licensing.billing import operations as billing_operations
from licensing.orders.exceptions import BadBilling, NotInThisState, UnknownOrder
from licensing.orders.models import ContractWithdrawal
from licensing.orders.operations import notifications
from licensing.orders.operations.locks import lock_order
from licensing.orders.withdrawal_period import can_withdraw, get_last_withdrawal_day
from licensing.payments import card
from licensing.payments.models import PaymentKind
from licensing.payments.queries import get_amount_left


@transaction.atomic
def withdraw_from_contract(*, order_id: int, name: str, by: User, at: datetime.datetime) -> ContractWithdrawal:
    """Record a consumer's withdrawal, cancel the order and refund its card payments; return the withdrawal.

    Other payments wait for the operator. The receipt is e-mailed at once. Idempotent. Raises `UnknownOrder` for
    anybody but the buyer, `NotInThisState` where nobody may withdraw, or no longer, or `BadBilling` for the name.
    """
    order = lock_order(order_id)
    if order.placed_by_id != by.pk:
        raise UnknownOrder("Cette commande n'existe pas.")
    known = ContractWithdrawal.objects.filter(order=order).first()
    if known is not None:
        return known
    if not can_withdraw(order, at=at):
        last = get_last_withdrawal_day(order)
        raise NotInThisState(
            "Le droit de rétractation est celui d'un particulier qui paie pour lui-même, sur une commande passée."
            if last is None
            else f"Le délai pour renoncer à {order} a pris fin le {formatting.long_date(last)}."
        )
    withdrawal = ContractWithdrawal.objects.create(order=order, name=_clean_name(name), by=by, at=at)
    moment = at.astimezone(PARIS)
    billing_operations.cancel(
        order_id=order.pk,
        reason=f"renonciation au contrat, reçue le {formatting.long_date(moment.date())} à {moment:%Hh%M}",
        by=by,
        at=at,
        notification=notifications.WITHDRAWN,
    )
    for payment in order.payments.filter(card__isnull=False, kind=PaymentKind.RECEIVED):
        if get_amount_left(payment) > 0:
            card.refund(payment_id=payment.pk, by=None, at=at)
    return withdrawal


def _clean_name(name: str) -> str:
    name = " ".join(name.split())
    limit = ContractWithdrawal._meta.get_field("name").max_length or 0  # noqa: SLF001 - documented
    if not name:
        raise BadBilling("Indiquez vos nom et prénom.", "name")
    if len(name) > limit:
        raise BadBilling(f"{limit} caractères au plus ; vous en avez saisi {len(name)}.", "name")
    try:
        check_plain_name(name)
    except ValidationError as refusal:
        raise BadBilling(str(refusal.message), "name") from None
    return name
