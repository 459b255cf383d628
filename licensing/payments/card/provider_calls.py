"""Calls to the payment provider, whose answers are then recorded. Never inside a transaction: a call may take seconds.

A process killed in between loses nothing: the next call returns the same state.
"""

from __future__ import annotations

import datetime
import logging

from django import forms
from django.conf import settings
from payments import PaymentStatus

from licensing.exceptions import LicensingError
from licensing.payments.card import attempts, settlement
from licensing.payments.card.provider_interface import ProviderNotification, ProviderSession, to_cents, to_euros
from licensing.payments.card.providers import get_provider
from licensing.payments.card.refunds import has_unknown_refunds
from licensing.payments.exceptions import CardsClosed, ProviderRefuses, ProviderSilent
from licensing.payments.models import CardPayment, Payment
from licensing.payments.queries import get_card_net

logger = logging.getLogger(__name__)
#: Number of the refund of a charge that was never due.
UNDUE = "undue"
_BY_TRANSFER = "Faites le remboursement par virement."
_DISPUTED = (
    "Le porteur de la carte a contesté ce paiement, et sa banque le lui rend si elle lui donne raison : voyez ce "
    "qu'elle a décidé avant de rien virer."
)
_REFUND_PENDING = (
    "Le remboursement n'est pas encore parti, faute de réponse du prestataire. Il est redemandé de lui-même pendant "
    "deux jours ; passé ce délai, redemandez-le. N'en faites pas le virement."
)


def open_session(payment: CardPayment, form: forms.Form) -> str:
    """Open a session at the provider, or reuse the existing one; return the URL to redirect the buyer to.

    An attempt that the provider rejects is abandoned: its idempotency key would return the same rejection for ever.
    Raises `CardsClosed`, `ProviderSilent` or `ProviderRefuses`.
    """
    try:
        opened = get_provider(payment).open(payment, form)
    except ProviderRefuses:
        attempts.abandon_attempt(payment_id=payment.pk)
        raise
    attempts.record_session(payment_id=payment.pk, session=opened)
    return opened.address


def poll_payment(
    payment: CardPayment, *, at: datetime.datetime, event: ProviderNotification | None = None
) -> CardPayment:
    """Fetch the state of an attempt from the provider and record it; return the updated attempt.

    An attempt without a session is returned unchanged. Raises `CardsClosed`, `ProviderSilent` or `ProviderRefuses`, and
    any `LicensingError` that prevents settling a paid order, such as a missing seller.
    """
    if not payment.transaction_id and event is not None and event.reference:
        # The process was killed after opening the session and before storing its reference.
        session = ProviderSession(reference=event.reference, address="")
        payment = attempts.record_session(payment_id=payment.pk, session=session)
    if not payment.transaction_id:
        return payment
    outcome = get_provider(payment).fetch_outcome(payment)
    try:
        return settlement.record_outcome(payment_id=payment.pk, outcome=outcome, at=at, event=event)
    except LicensingError as refusal:
        # Nothing was recorded; the periodic task retries, and the operator sees the reason.
        _set_message(payment, f"Ce que dit le prestataire n'a pas pu être suivi : {refusal}")
        raise


def send_refund(payment: CardPayment, *, refund_id: int | None, at: datetime.datetime) -> CardPayment:
    """Have the provider make a refund that is in the books, and record its outcome. Idempotent.

    `refund_id`: the negative payment; None for a charge that was never due, which goes back entirely. If the provider
    rejects or does not answer, the payment's message tells the operator. Raises `CardsClosed` or `ProviderSilent`.
    """
    number, amount = UNDUE, None
    if refund_id is not None:
        number, amount = str(refund_id), to_cents(-Payment.objects.get(pk=refund_id, card=payment).amount)
    try:
        get_provider(payment).request_refund(payment, number=number, amount=amount)
    except (CardsClosed, ProviderSilent):
        _set_message(payment, _REFUND_PENDING)
        raise
    except ProviderRefuses as refusal:
        logger.warning("%s: the provider rejected the refund: %s", payment, refusal)
        if not _already_refunded(payment, refusal):
            return payment
    payment.refresh_from_db()
    return poll_payment(payment, at=at)


def _already_refunded(payment: CardPayment, refusal: ProviderRefuses) -> bool:
    """Return whether all that the books gave back was refunded at the provider; else set a message for the operator.

    Otherwise the operator would refund it a second time by bank transfer.
    """
    try:
        outcome = get_provider(payment).fetch_outcome(payment)
    except ProviderRefuses:
        outcome = None
    if outcome is not None and to_euros(outcome.amount - outcome.refunded) <= get_card_net(payment):
        return True
    disputed = outcome is not None and outcome.disputed
    _set_message(payment, f"{refusal} {_DISPUTED if disputed else _BY_TRANSFER}")
    return False


def _set_message(payment: CardPayment, message: str) -> None:
    CardPayment.objects.filter(pk=payment.pk).update(message=message)


def close_session(payment: CardPayment, *, at: datetime.datetime) -> CardPayment:
    """Close the session of an abandoned attempt, and record a payment made meanwhile."""
    get_provider(payment).close(payment)
    return poll_payment(payment, at=at)


def poll_open_payments(*, at: datetime.datetime, after: datetime.timedelta) -> int:
    """Poll the provider for open attempts unchanged since `after`; return how many.

    Needed because webhooks get lost, and buyers close the window before the redirect.
    """
    waiting = CardPayment.objects.filter(
        variant=settings.CARD_VARIANT, status=PaymentStatus.INPUT, modified__lt=at - after, transaction_id__gt=""
    ).order_by("modified")[:100]
    for payment in waiting:
        # Moves it to the end of the queue, whatever the answer.
        CardPayment.objects.filter(pk=payment.pk).update(modified=at)
        try:
            poll_payment(payment, at=at)
        except Exception:  # a failure must not block the others; retried on the next run
            logger.exception("%s: nothing was learnt", payment)
    return len(waiting)


def poll_charges(*, at: datetime.datetime, within: datetime.timedelta) -> int:
    """Ask the provider about the refunds of recent charges, whose events may be lost; return how many had news."""
    charges = CardPayment.objects.filter(
        variant=settings.CARD_VARIANT, status=PaymentStatus.CONFIRMED, created__gt=at - within
    )
    count = 0
    for payment in charges.order_by("pk"):
        try:
            outcome = get_provider(payment).fetch_outcome(payment)
            if has_unknown_refunds(payment, outcome):
                settlement.record_outcome(payment_id=payment.pk, outcome=outcome, at=at)
                count += 1
        except Exception:  # a failure must not block the others; asked again on the next run
            logger.exception("%s: nothing was learnt of its refunds", payment)
    return count
