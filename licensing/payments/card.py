"""Card payments. The provider's page collects the card: card data never reaches this server.

Three steps. An attempt (`CardPayment`) is created for an order. The provider is called, always outside a transaction.
Only settlement and refunds record its answers, under the order's lock, in one transaction
with the rights of the order. On every trigger (the buyer's return, a webhook, the periodic task) the full state is
fetched from the provider, so that duplicate, late or reordered events have no effect.
"""

import datetime
import json
import logging
from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.db import transaction
from django_tenants.utils import get_public_schema_name
from payments import PaymentStatus

from accounts.models import User
from core import formatting
from core.exceptions import DomainError, Refusal
from jobs.tasks import defer
from licensing.books.billing import operations as billing_operations
from licensing.books.billing.queries import get_balance
from licensing.catalogue import terms
from licensing.orders import order_events, payers
from licensing.orders.billing_details import BillingDetails
from licensing.orders.exceptions import BadAmount, InvalidOrderDate
from licensing.orders.models import UNPAID_STATES, Order, OrderKind, OrderState
from licensing.orders.operations import check_price, prepare_card_payment
from licensing.orders.order_events import lock_order
from licensing.orders.settlement import SettlementMethod
from licensing.payments import card_providers, operations
from licensing.payments.card_providers import (
    EURO,
    REFUND_RETRIES,
    CardsClosed,
    ProviderNotification,
    ProviderOutcome,
    ProviderRefuses,
    ProviderSession,
    ProviderSilent,
    SessionState,
    get_provider,
    to_cents,
    to_euros,
)
from licensing.payments.models import CardPayment, Payment, PaymentKind, ProviderEvent
from licensing.payments.operations import is_school_year_over
from licensing.payments.queries import get_card_net, get_refundable

# Refunds of card payments: asked for by the operator, or made in the provider's dashboard; recorded once each.
#
# The provider's refunds are kept with the attempt, by their identifiers: one that was seen stays, and one that failed
# stays failed, whatever the order in which answers arrive.

#: Keys in a payment's provider data: its refunds by identifier; what was given back otherwise, in cents.
_REFUNDS, _OTHERWISE = "refunds", "otherwise"


@transaction.atomic
def refund(*, payment_id: int, by: User | None, at: datetime.datetime, amount: Decimal | None = None) -> Payment:
    """Refund a card payment: record it now, and queue the refund at the provider; return the negative payment.

    `amount`, in euros: None for all that the order can spare. Idempotent once nothing is left. Raises `Refusal` if it
    was not paid by card, or if the order still needs the money; or `BadAmount`.
    """
    payment = Payment.objects.select_related("card").get(pk=payment_id)
    if payment.card is None:
        raise Refusal("nothing_to_pay", "Ce règlement n'est pas venu par carte.")
    refunded = operations.refund(payment_id=payment_id, by=by, at=at, reference=payment.reference, amount=amount)
    queue_refund(payment.card, refunded)
    return refunded


@transaction.atomic
def retry_refund(*, card_payment_id: int, by: User, at: datetime.datetime) -> CardPayment:
    """Retry the refunds that failed at the provider; return the card payment.

    Raises `Refusal` if nothing is to be refunded, or all already is.
    """
    order, payment = lock_order_and_payment(card_payment_id)
    is_recorded = Payment.objects.filter(card=payment, kind=PaymentKind.RECEIVED).exists()
    missing = _list_missing(payment) if is_recorded else [None]
    if payment.status != PaymentStatus.CONFIRMED or not missing:
        raise Refusal("nothing_to_pay", "Ce paiement n'est pas à rendre : remboursez-le d'abord, depuis son règlement.")
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


#: Statuses of an attempt that may still be paid.
OPEN_STATUSES = (PaymentStatus.WAITING, PaymentStatus.INPUT)


@transaction.atomic
def pay_draft(
    *,
    order_id: int,
    billing: BillingDetails,
    terms_version: str,
    basket: str | None = None,
    by: User,
    at: datetime.datetime,
) -> CardPayment:
    """Prepare a draft for payment by card and start the attempt; return the attempt.

    Raises as `prepare_card_payment` and `start_attempt` do.
    """
    prepare_card_payment(order_id=order_id, billing=billing, terms_version=terms_version, basket=basket, at=at)
    return start_attempt(order_id=order_id, by=by, at=at)


@transaction.atomic
def start_attempt(*, order_id: int, by: User, at: datetime.datetime) -> CardPayment:
    """Return the open attempt to pay the order by card, or create one.

    Open attempts for another amount are abandoned. Raises `CardsClosed` or `Refusal`.
    """
    if not card_providers.is_available():
        raise CardsClosed("Le paiement par carte n'est pas ouvert sur ce site : choisissez le chèque ou le mandat.")
    order = lock_order(order_id)
    if order.placed_by_id != by.pk or order.kind != OrderKind.SHOP:
        raise Refusal("nothing_to_pay", "Cette commande n'est pas la vôtre.")
    _check_payable(order)
    if is_school_year_over(order, at=at):
        raise Refusal("nothing_to_pay", "L'année scolaire de ces licences est terminée : elles ne s'ouvriraient plus.")
    if order.state == OrderState.DRAFT:
        # An earlier failed attempt does not hold the price.
        check_price(order, at=at)
    current: CardPayment | None = None
    live = CardPayment.objects.filter(order=order, status__in=OPEN_STATUSES)
    for payment in live.locked():
        if current is None and payment.total == order.total_ttc and payment.variant == settings.CARD_VARIANT:
            current = payment
            continue
        payment.status = PaymentStatus.CANCELLED
        payment.save(update_fields=["status", "modified"])
        defer("payments.card.close_session", schema=get_public_schema_name(), payment_id=payment.pk)
    if current is not None:
        return current
    created: CardPayment = CardPayment.objects.create(
        order=order,
        variant=settings.CARD_VARIANT,
        currency=EURO,
        total=order.total_ttc,
        tax=order.total_vat,
        description=str(order),
        billing_email=order.bill_email,
    )
    order_events.record(order, "card_started", "paiement par carte commencé.", by=by, at=at)
    return created


def _check_payable(order: Order) -> None:
    if order.state == OrderState.DRAFT:
        if order.method != SettlementMethod.CARD or order.terms_accepted_at is None:
            raise Refusal(
                "nothing_to_pay",
                "Choisissez d'abord le paiement par carte et acceptez les conditions générales de vente.",
            )
        if order.terms_version != terms.CURRENT:
            raise Refusal(
                "nothing_to_pay", "Les conditions générales de vente ont changé : revoyez la commande et acceptez-les."
            )
    elif order.state not in UNPAID_STATES:
        raise order.refuse_state("Elle n'attend aucun paiement.", code="nothing_to_pay")
    if not 0 < order.total_ttc == get_balance(order):
        raise Refusal(
            "nothing_to_pay",
            "Une partie de cette commande est déjà réglée, ou reprise par un avoir : le reste ne peut pas l'être par "
            "carte.",
        )
    missing_details = payers.check_order(order).missing if order.state != OrderState.CONFIRMED else []
    if missing_details:
        raise Refusal(
            "nothing_to_pay",
            "La facture suit aussitôt un paiement par carte : complétez d'abord ce qu'elle doit porter. "
            + " ".join(one.sentence for one in missing_details),
        )


@transaction.atomic
def abandon_attempt(*, payment_id: int) -> CardPayment:
    """Abandon an attempt that the provider rejected; return it. Idempotent.

    A payment that still arrives is recorded.
    """
    payment: CardPayment = CardPayment.objects.locked().get(pk=payment_id)
    if payment.status in OPEN_STATUSES:
        payment.status = PaymentStatus.CANCELLED
        payment.save(update_fields=["status", "modified"])
    return payment


@transaction.atomic
def record_session(*, payment_id: int, session: ProviderSession) -> CardPayment:
    """Store the provider's reference of an opened session; return the attempt. Idempotent."""
    payment: CardPayment = CardPayment.objects.locked().get(pk=payment_id)
    if not payment.transaction_id:
        payment.transaction_id = session.reference
    if payment.status == PaymentStatus.WAITING:
        payment.status = PaymentStatus.INPUT
    payment.save(update_fields=["transaction_id", "status", "modified"])
    return payment


# Recording of the provider's outcomes under the order's lock, in one transaction. `refunds` records their refunds.
#
# An outcome is the full state at the provider, and a payment only moves forward (waiting → confirmed → refunded), so
# late, duplicate or reordered outcomes have no effect.

#: Statuses of a payment that was charged.
_CHARGED = (PaymentStatus.CONFIRMED, PaymentStatus.REFUNDED)


@transaction.atomic
def record_outcome(
    *, payment_id: int, outcome: ProviderOutcome, at: datetime.datetime, event: ProviderNotification | None = None
) -> CardPayment:
    """Record the outcome of an attempt; return it. If it was paid, settle the order in the same transaction.

    `event`: the webhook event that triggered this; a duplicate changes nothing. An amount that the order does not owe
    is refunded.
    """
    order, payment = lock_order_and_payment(payment_id)
    if event is not None and not _store_event(event, payment, at):
        return payment
    if outcome.stage == SessionState.OVER and payment.status in OPEN_STATUSES:
        payment.status = PaymentStatus.REJECTED
        payment.save(update_fields=["status", "modified"])
    if outcome.stage == SessionState.PAID and payment.status not in _CHARGED:
        _record_charge(order, payment, outcome, at=at)
    record_refunds(order, payment, outcome, at=at)
    if outcome.disputed:
        payment.message = (
            "Le porteur de la carte a contesté ce paiement auprès de sa banque : voyez chez le prestataire s'il y a à "
            "répondre, ou ce qui est décidé."
        )
        payment.save(update_fields=["message", "modified"])
    return payment


def _store_event(event: ProviderNotification, payment: CardPayment, at: datetime.datetime) -> bool:
    """Store the event; return False if it is a duplicate."""
    _, created = ProviderEvent.objects.get_or_create(
        variant=payment.variant, event_id=event.number, defaults={"kind": event.kind, "received_at": at}
    )
    return created


def _record_charge(order: Order, payment: CardPayment, outcome: ProviderOutcome, *, at: datetime.datetime) -> None:
    payment.status = PaymentStatus.CONFIRMED
    payment.transaction_id = payment.transaction_id or outcome.reference
    payment.captured_amount = to_euros(outcome.amount)
    payment.extra_data = json.dumps(payment.provider_data | {"charge": outcome.charge})
    payment.message = ""
    payment.save()
    expected = (payment.transaction_id, payment.token, to_cents(payment.total), payment.currency)
    if (outcome.reference, outcome.token, outcome.amount, outcome.currency) != expected:
        _refund_undue(order, payment, "ce n'est pas ce qui était demandé", at=at)
        return
    try:
        operations.settle_by_card(card_payment_id=payment.pk, at=at)
    except BadAmount:
        _refund_undue(order, payment, "la commande a changé entre-temps", at=at)
        return
    except InvalidOrderDate:
        _refund_undue(order, payment, "l'année scolaire de ces licences est terminée", at=at)
        return
    order.refresh_from_db()
    recorded_payment = Payment.objects.get(card=payment, kind=PaymentKind.RECEIVED)
    if get_refundable(recorded_payment) > 0:
        refund(payment_id=recorded_payment.pk, by=None, at=at)


def _refund_undue(order: Order, payment: CardPayment, reason: str, *, at: datetime.datetime) -> None:
    """Refund a charge that the order does not owe, without recording it as a payment."""
    payment.message = f"Reçu par carte sans être dû ({reason}) : remboursement demandé."
    payment.save(update_fields=["message", "modified"])
    order_events.record(
        order,
        "card_undue_refunded",
        f"{formatting.euros(payment.captured_amount)} payés par carte et aussitôt remboursés : {reason}.",
        by=None,
        at=at,
    )
    queue_refund(payment, None)


# Calls to the payment provider, whose answers are then recorded. Never inside a transaction: a call may take seconds.
#
# A process killed in between loses nothing: the next call returns the same state.

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
        abandon_attempt(payment_id=payment.pk)
        raise
    record_session(payment_id=payment.pk, session=opened)
    return opened.address


def poll_payment(
    payment: CardPayment, *, at: datetime.datetime, event: ProviderNotification | None = None
) -> CardPayment:
    """Fetch the state of an attempt from the provider and record it; return the updated attempt.

    An attempt without a session is returned unchanged. Raises `CardsClosed`, `ProviderSilent` or `ProviderRefuses`, and
    any `DomainError` that prevents settling a paid order, such as a missing seller.
    """
    if not payment.transaction_id and event is not None and event.reference:
        # The process was killed after opening the session and before storing its reference.
        session = ProviderSession(reference=event.reference, address="")
        payment = record_session(payment_id=payment.pk, session=session)
    if not payment.transaction_id:
        return payment
    outcome = get_provider(payment).fetch_outcome(payment)
    try:
        return record_outcome(payment_id=payment.pk, outcome=outcome, at=at, event=event)
    except DomainError as refusal:
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
                record_outcome(payment_id=payment.pk, outcome=outcome, at=at)
                count += 1
        except Exception:  # a failure must not block the others; asked again on the next run
            logger.exception("%s: nothing was learnt of its refunds", payment)
    return count
