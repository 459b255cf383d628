"""Talking to the provider: never inside a transaction, for it may take seconds. What it says is then written.

A process that is killed in between loses nothing: whoever asks again hears the same.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.conf import settings
from payments import PaymentStatus

from licensing.exceptions import Refused
from licensing.orders.card import settling, starting
from licensing.orders.card.exceptions import CardsClosed, ProviderRefuses, ProviderSilent
from licensing.orders.card.outcomes import Opened
from licensing.orders.card.providers import provider_of
from licensing.orders.models import CardPayment

if TYPE_CHECKING:
    import datetime

    from django import forms

    from licensing.orders.card.outcomes import Event

logger = logging.getLogger(__name__)
_BY_TRANSFER = "Faites le remboursement par virement."
_DISPUTED = (
    "Le porteur de la carte a contesté ce paiement, et sa banque le lui rend si elle lui donne raison : voyez ce "
    "qu'elle a décidé avant de rien virer."
)
_NOT_SENT_YET = (
    "Le remboursement n'est pas encore parti, faute de réponse du prestataire. Il est redemandé de lui-même pendant "
    "deux jours ; passé ce délai, redemandez-le. N'en faites pas le virement."
)


def proceed(payment: CardPayment, answers: forms.Form) -> str:
    """Open the attempt at the provider's, or find it there; return the address at which the buyer goes on.

    One that the provider will not have is given up: it would be refused for ever, under the key of its first try.
    Raises `CardsClosed`, `ProviderSilent` or `ProviderRefuses`.
    """
    try:
        opened = provider_of(payment).open(payment, answers)
    except ProviderRefuses:
        starting.give_up(payment_id=payment.pk)
        raise
    starting.remember(payment_id=payment.pk, opened=opened)
    return opened.address


def look_again(payment: CardPayment, *, at: datetime.datetime, event: Event | None = None) -> CardPayment:
    """Ask the provider what has become of the attempt, and take note of it; return the attempt as it is now.

    One that was never opened there is returned as it is. Raises `CardsClosed`, `ProviderSilent` or `ProviderRefuses`,
    and what keeps an order that is paid from being settled: no seller to invoice it.
    """
    if not payment.transaction_id and event is not None and event.reference:
        # We were killed between opening it there and writing down its name.
        known = Opened(reference=event.reference, address="")
        payment = starting.remember(payment_id=payment.pk, opened=known)
    if not payment.transaction_id:
        return payment
    outcome = provider_of(payment).look(payment)
    try:
        return settling.learn(payment_id=payment.pk, outcome=outcome, at=at, event=event)
    except Refused as refusal:
        # Nothing of it is written, and it is tried again every few minutes: what is in the way is for the operator.
        _say(payment, f"Ce que dit le prestataire n'a pas pu être suivi : {refusal}")
        raise


def give_back(payment: CardPayment, *, at: datetime.datetime) -> CardPayment:
    """Have the provider send all of the money back, and take note of it. Asked twice, it is sent once.

    Where the provider refuses, or does not answer, the payment says so and waits for the operator. Raises
    `CardsClosed`, `ProviderSilent`.
    """
    try:
        provider_of(payment).give_back(payment)
    except (CardsClosed, ProviderSilent):
        _say(payment, _NOT_SENT_YET)
        raise
    except ProviderRefuses as refusal:
        logger.warning("%s: the provider does not give it back: %s", payment, refusal)
        if not _went_back(payment, refusal):
            return payment
    payment.refresh_from_db()
    return look_again(payment, at=at)


def _went_back(payment: CardPayment, refusal: ProviderRefuses) -> bool:
    """Whether the money that the provider refuses to give back has gone by another hand; else say what is to be done.

    Told to send it from the bank, the operator would give it twice.
    """
    try:
        outcome = provider_of(payment).look(payment)
    except ProviderRefuses:
        outcome = None
    if outcome is not None and outcome.refunded >= outcome.amount:
        return True
    disputed = outcome is not None and outcome.disputed
    _say(payment, f"{refusal} {_DISPUTED if disputed else _BY_TRANSFER}")
    return False


def _say(payment: CardPayment, message: str) -> None:
    CardPayment.objects.filter(pk=payment.pk).update(message=message)


def close(payment: CardPayment, *, at: datetime.datetime) -> CardPayment:
    """Let nobody pay any more in an attempt that was given up; whoever has just paid in it is heard."""
    provider_of(payment).close(payment)
    return look_again(payment, at=at)


def catch_up(*, at: datetime.datetime, after: datetime.timedelta) -> int:
    """Ask about attempts that have been at the provider's for so long without a word; return how many.

    Webhooks get lost, and buyers close the window before they are led back.
    """
    waiting = CardPayment.objects.filter(
        variant=settings.CARD_VARIANT, status=PaymentStatus.INPUT, modified__lt=at - after, transaction_id__gt=""
    ).order_by("modified")[:100]
    for payment in waiting:
        # Its turn comes again after the others', whatever is heard.
        CardPayment.objects.filter(pk=payment.pk).update(modified=at)
        try:
            look_again(payment, at=at)
        except Exception:  # one that fails must not keep the others waiting; it is tried again the next time
            logger.exception("%s: nothing was learnt", payment)
    return len(waiting)
