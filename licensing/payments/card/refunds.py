"""Refunds of card payments: asked for by the operator, or made in the provider's dashboard; recorded once each.

The provider's refunds are kept with the attempt, by their identifiers: one that was seen stays, and one that failed
stays failed, whatever the order in which answers arrive.
"""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from typing import Any

from django.db import transaction
from django_tenants.utils import get_public_schema_name
from payments import PaymentStatus

from accounts.models import User
from core import formatting
from jobs.tasks import defer
from licensing.billing import operations as billing_operations
from licensing.billing.queries import get_balance
from licensing.orders.models import Order, OrderState
from licensing.orders.operations import order_events
from licensing.orders.operations.locks import lock_order
from licensing.payments import operations
from licensing.payments.card.provider_interface import REFUND_RETRIES, ProviderOutcome, to_cents, to_euros
from licensing.payments.exceptions import NotToPay
from licensing.payments.models import CardPayment, Payment, PaymentKind
from licensing.payments.queries import get_card_net

#: Keys in a payment's provider data: its refunds by identifier; what was given back otherwise, in cents.
_REFUNDS, _OTHERWISE = "refunds", "otherwise"


@transaction.atomic
def refund(*, payment_id: int, by: User | None, at: datetime.datetime, amount: Decimal | None = None) -> Payment:
    """Refund a card payment: record it now, and queue the refund at the provider; return the negative payment.

    `amount`, in euros: None for all that the order can spare. Idempotent once nothing is left. Raises `NotToPay` if it
    was not paid by card, `NotInThisState` if the order still needs the money, or `BadAmount`.
    """
    payment = Payment.objects.select_related("card").get(pk=payment_id)
    if payment.card is None:
        raise NotToPay("Ce règlement n'est pas venu par carte.")
    refunded = operations.refund(payment_id=payment_id, by=by, at=at, reference=payment.reference, amount=amount)
    queue_refund(payment.card, refunded)
    return refunded


@transaction.atomic
def retry_refund(*, card_payment_id: int, by: User, at: datetime.datetime) -> CardPayment:
    """Retry the refunds that failed at the provider; return the card payment.

    Raises `NotToPay` if nothing is to be refunded, or all already is.
    """
    order, payment = lock_order_and_payment(card_payment_id)
    is_recorded = Payment.objects.filter(card=payment, kind=PaymentKind.RECEIVED).exists()
    missing = _list_missing(payment) if is_recorded else [None]
    if payment.status != PaymentStatus.CONFIRMED or not missing:
        raise NotToPay("Ce paiement n'est pas à rendre : remboursez-le d'abord, depuis son règlement.")
    payment.message = ""
    _keep(payment, {REFUND_RETRIES: payment.provider_data.get(REFUND_RETRIES, 0) + 1})
    payment.save(update_fields=["message", "extra_data", "modified"])
    order_events.record(
        order, "card_refund_retried", "remboursement redemandé au prestataire de paiement.", by=by, at=at
    )
    for one in missing:
        queue_refund(payment, one)
    return payment


@transaction.atomic
def dismiss_message(*, card_payment_id: int, by: User, at: datetime.datetime) -> CardPayment:
    """Clear the message of a card payment once the operator has handled it; return the payment. Idempotent.

    What the provider did not give back was then given back otherwise.
    """
    order, payment = lock_order_and_payment(card_payment_id)
    if payment.message:
        order_events.record(order, "card_checked", f"vu : {payment.message}", by=by, at=at)
        payment.message = ""
        _keep(payment, {_OTHERWISE: to_cents(payment.captured_amount - get_card_net(payment))})
        payment.save(update_fields=["message", "extra_data", "modified"])
    return payment


def record_refunds(order: Order, payment: CardPayment, outcome: ProviderOutcome, *, at: datetime.datetime) -> None:
    """Record what the provider says was refunded, and in the books what was refunded in its dashboard.

    The caller holds both locks. A payment that was refunded entirely cancels its order; a part leaves it to the
    operator, who credits it or asks for it again.
    """
    known: dict[str, Any] = payment.provider_data.get(_REFUNDS, {})
    refunds = _merge_refunds(known, outcome)
    if refunds == known:
        return
    failures = [one["failure"] for key, one in refunds.items() if one["failure"] and one != known.get(key)]
    refunded = sum(one["amount"] for one in refunds.values() if not one["failure"])
    before, payment.captured_amount = payment.captured_amount, to_euros(outcome.amount - refunded)
    payment.status = PaymentStatus.REFUNDED if refunded >= outcome.amount else PaymentStatus.CONFIRMED
    payment.message = f"Le remboursement a échoué ({failures[0]}) : faites-le par virement." if failures else ""
    _keep(payment, {_REFUNDS: refunds})
    payment.save()
    if payment.captured_amount < before:
        given_back = formatting.euros(before - payment.captured_amount)
        order_events.record(
            order, "card_refunded", f"{given_back} rendus par le prestataire de paiement.", by=None, at=at
        )
    received = Payment.objects.filter(card=payment, kind=PaymentKind.RECEIVED).first()
    if received is None:
        return
    for reference, one in refunds.items():
        if not one["number"] and not one["failure"]:
            operations.record_provider_refund(
                payment_id=received.pk, amount=to_euros(one["amount"]), reference=reference, at=at
            )
    order.refresh_from_db()
    is_owed = order.state in (OrderState.CONFIRMED, OrderState.PAID) and get_balance(order) > 0
    if payment.status == PaymentStatus.REFUNDED and is_owed:
        billing_operations.cancel(order_id=order.pk, reason="Paiement remboursé.", by=None, at=at)


def has_unknown_refunds(payment: CardPayment, outcome: ProviderOutcome) -> bool:
    """Return whether the provider says of a refund what was not recorded yet."""
    known: dict[str, Any] = payment.provider_data.get(_REFUNDS, {})
    return _merge_refunds(known, outcome) != known


def queue_refund(payment: CardPayment, refunded: Payment | None) -> None:
    """Queue a refund at the provider; `refunded`: its negative payment, None for a charge that was never due."""
    defer(
        "payments.card.send_refund",
        schema=get_public_schema_name(),
        payment_id=payment.pk,
        refund_id=None if refunded is None else refunded.pk,
    )


def lock_order_and_payment(payment_id: int) -> tuple[Order, CardPayment]:
    """Lock an attempt's order, then the attempt; return both."""
    order = lock_order(CardPayment.objects.values_list("order_id", flat=True).get(pk=payment_id))
    return order, CardPayment.objects.locked().get(pk=payment_id)


def _merge_refunds(known: dict[str, Any], outcome: ProviderOutcome) -> dict[str, Any]:
    """Return the refunds that are known and those of an outcome, by identifier."""
    return known | {
        one.reference: {"amount": one.amount, "number": one.number, "failure": one.failure}
        for one in outcome.refunds
        # A late answer, fetched before the refund failed: keep the failure.
        if not known.get(one.reference, {}).get("failure")
    }


def _keep(payment: CardPayment, data: dict[str, Any]) -> None:
    payment.extra_data = json.dumps(payment.provider_data | data)


def _list_missing(payment: CardPayment) -> list[Payment | None]:
    """Return the refunds in the books that the provider did not make."""
    made = [
        (reference, one["number"])
        for reference, one in payment.provider_data.get(_REFUNDS, {}).items()
        if not one["failure"]
    ]
    references, numbers = {reference for reference, _ in made}, {number for _, number in made}
    refunds = Payment.objects.filter(card=payment, kind=PaymentKind.REFUNDED).order_by("pk")
    return [one for one in refunds if str(one.pk) not in numbers and one.provider_refund not in references]
