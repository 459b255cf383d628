"""What the provider said is written here and nowhere else: under the order's lock, with what follows, or not at all.

An answer is the whole of what the provider knows, and a payment only goes forward (waiting → confirmed → refunded):
answers that come late, twice or out of order find nothing to do.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from django.db import transaction
from django_tenants.utils import get_public_schema_name
from payments import PaymentStatus

from jobs.tasks import defer
from licensing.orders.card.exceptions import NotToPay
from licensing.orders.card.outcomes import ASKED_AGAIN, Stage, cents, in_euros
from licensing.orders.card.starting import LIVE
from licensing.orders.exceptions import BadAmount, BadDate
from licensing.orders.models import CardPayment, OrderState, Payment, ProviderEvent
from licensing.orders.operations import amending, journal, paying
from licensing.orders.operations.locking import locked
from web import typography

if TYPE_CHECKING:
    import datetime

    from accounts.models import User
    from licensing.orders.card.outcomes import Event, Outcome
    from licensing.orders.models import Order

#: Money has come in, at one time or another.
_TAKEN = (PaymentStatus.CONFIRMED, PaymentStatus.REFUNDED)
#: Under this name a payment keeps the refund that failed.
_FAILED = "failed_refund"


@transaction.atomic
def learn(*, payment_id: int, outcome: Outcome, at: datetime.datetime, event: Event | None = None) -> CardPayment:
    """Take note of what the provider says of an attempt; return it. Paid: payment, invoice and rights with it.

    `event`: what made us ask. One that was there before changes nothing. A paid sum that the order does not, or no
    longer, ask for is given back.
    """
    order, payment = _locked(payment_id)
    if event is not None and not _new(event, payment, at):
        return payment
    if outcome.stage == Stage.OVER and payment.status in LIVE:
        payment.status = PaymentStatus.REJECTED
        payment.save(update_fields=["status", "modified"])
    if outcome.stage == Stage.PAID and payment.status not in _TAKEN:
        _paid(order, payment, outcome, at=at)
    if outcome.refunded or outcome.refund_failure:
        _given_back(order, payment, outcome, at=at)
    if outcome.disputed:
        payment.message = (
            "Le porteur de la carte a contesté ce paiement auprès de sa banque : voyez chez le prestataire s'il y a à "
            "répondre, ou ce qui est décidé."
        )
        payment.save(update_fields=["message", "modified"])
    return payment


@transaction.atomic
def refund(*, payment_id: int, by: User | None, at: datetime.datetime) -> Payment:
    """Give back a payment that was made by card: in the books now, and by the provider, by a job queued with it.

    Returns the negative payment. Twice is the same as once. Raises `NotInThisState` where the order needs its money.
    """
    payment = Payment.objects.select_related("card").get(pk=payment_id)
    if payment.card is None:
        raise NotToPay("Ce règlement n'est pas venu par carte.")
    back = paying.refund(payment_id=payment_id, by=by, at=at, reference=payment.reference)
    _send_back(payment.card)
    return back


@transaction.atomic
def send_again(*, card_payment_id: int, by: User, at: datetime.datetime) -> CardPayment:
    """Have the provider try once more to send back money that it could not; return the payment by card.

    Raises `NotToPay` where nothing of it is to go back, or it has gone.
    """
    order, payment = _locked(card_payment_id)
    money = Payment.objects.filter(card=payment, refunds__isnull=True).first()
    owed = money is None or Payment.objects.filter(refunds=money).exists()
    if payment.status != PaymentStatus.CONFIRMED or not owed:
        raise NotToPay("Ce paiement n'est pas à rendre : remboursez-le d'abord, depuis son règlement.")
    payment.message = ""
    payment.extra_data = json.dumps(payment.kept | {ASKED_AGAIN: payment.kept.get(ASKED_AGAIN, 0) + 1})
    payment.save(update_fields=["message", "extra_data", "modified"])
    journal.record(order, "card_sent_again", "remboursement redemandé au prestataire de paiement.", by=by, at=at)
    _send_back(payment)
    return payment


@transaction.atomic
def looked_at(*, card_payment_id: int, by: User, at: datetime.datetime) -> CardPayment:
    """Take note that the operator has seen to what a payment by card said; return it. Twice is the same as once."""
    order, payment = _locked(card_payment_id)
    if payment.message:
        journal.record(order, "card_looked_at", f"vu : {payment.message}", by=by, at=at)
        payment.message = ""
        payment.save(update_fields=["message", "modified"])
    return payment


def _locked(payment_id: int) -> tuple[Order, CardPayment]:
    """Lock an attempt's order, then the attempt."""
    order = locked(CardPayment.objects.values_list("order_id", flat=True).get(pk=payment_id))
    return order, CardPayment.objects.select_for_update(of=("self",), no_key=True).get(pk=payment_id)


def _new(event: Event, payment: CardPayment, at: datetime.datetime) -> bool:
    """Write the event down; return False where it was told before."""
    _, created = ProviderEvent.objects.get_or_create(
        variant=payment.variant, event_id=event.number, defaults={"kind": event.kind, "received_at": at}
    )
    return created


def _paid(order: Order, payment: CardPayment, outcome: Outcome, *, at: datetime.datetime) -> None:
    payment.status = PaymentStatus.CONFIRMED
    payment.transaction_id = payment.transaction_id or outcome.reference
    payment.captured_amount = in_euros(outcome.amount)
    payment.extra_data = json.dumps(payment.kept | {"charge": outcome.charge})
    payment.message = ""
    payment.save()
    asked = (payment.transaction_id, payment.token, cents(payment.total), payment.currency)
    if (outcome.reference, outcome.token, outcome.amount, outcome.currency) != asked:
        _unasked(order, payment, "ce n'est pas ce qui était demandé", at=at)
        return
    try:
        paying.settle_by_card(card_payment_id=payment.pk, at=at)
    except BadAmount:
        _unasked(order, payment, "la commande a changé entre-temps", at=at)
        return
    except BadDate:
        _unasked(order, payment, "l'année scolaire de ces licences est terminée", at=at)
        return
    order.refresh_from_db()
    money = Payment.objects.get(card=payment, refunds__isnull=True)
    if order.state == OrderState.CANCELLED or paying.balance(order) < 0:
        refund(payment_id=money.pk, by=None, at=at)


def _unasked(order: Order, payment: CardPayment, why: str, *, at: datetime.datetime) -> None:
    """Send back money that no order asked for: it never comes into the books, and opens nothing."""
    payment.message = f"Reçu par carte sans être dû ({why}) : remboursement demandé."
    payment.save(update_fields=["message", "modified"])
    journal.record(
        order,
        "card_unasked",
        f"{typography.euros(payment.captured_amount)} payés par carte et aussitôt remboursés : {why}.",
        by=None,
        at=at,
    )
    _send_back(payment)


def _send_back(payment: CardPayment) -> None:
    defer("orders.card.give_back", schema=get_public_schema_name(), payment_id=payment.pk)


def _given_back(order: Order, payment: CardPayment, outcome: Outcome, *, at: datetime.datetime) -> None:
    """Take note of what went back, by our hand or at the provider's own desk; the books follow."""
    if outcome.refund == payment.kept.get(_FAILED) and not outcome.refund_failure:
        # Heard before it failed, and written after: what has failed stays so.
        return
    before = payment.captured_amount
    payment.captured_amount = in_euros(outcome.amount - outcome.refunded)
    payment.message = ""
    money = Payment.objects.filter(card=payment, refunds__isnull=True).first()
    in_books = money is not None and Payment.objects.filter(refunds=money).exists()
    if outcome.refund_failure:
        payment.status = PaymentStatus.CONFIRMED
        payment.extra_data = json.dumps(payment.kept | {_FAILED: outcome.refund})
        payment.message = f"Le remboursement a échoué ({outcome.refund_failure}) : faites-le par virement."
    elif outcome.refunded >= outcome.amount:
        payment.status = PaymentStatus.REFUNDED
    elif not in_books:
        payment.message = (
            f"{typography.euros(in_euros(outcome.refunded))} remboursés chez le prestataire, sur "
            f"{typography.euros(in_euros(outcome.amount))} : décidez avec la comptabilité ce que devient la commande."
        )
    payment.save()
    if payment.captured_amount < before:
        back = typography.euros(before - payment.captured_amount)
        journal.record(order, "card_given_back", f"{back} rendus par le prestataire de paiement.", by=None, at=at)
    if payment.status != PaymentStatus.REFUNDED or money is None or in_books:
        return
    # Made at the provider's own desk, past ours: the books say it too, with the credit note that goes with it.
    if paying.received(order) - money.amount < order.total_ttc:
        amending.cancel(order_id=order.pk, reason="Paiement remboursé.", by=None, at=at)
    paying.refund(payment_id=money.pk, by=None, at=at, reference=outcome.refund)
