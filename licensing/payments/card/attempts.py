"""Attempts to pay an order by card: one at a time, for the order's current total."""

from __future__ import annotations

import datetime

from django.conf import settings
from django.db import transaction
from django_tenants.utils import get_public_schema_name
from payments import PaymentStatus

from accounts.models import User
from jobs.tasks import defer
from licensing.billing.queries import get_balance
from licensing.catalogue import terms
from licensing.orders import preflight
from licensing.orders.models import Order, OrderKind, OrderState, SettlementMethod
from licensing.orders.operations import order_events
from licensing.orders.operations.billing_details import BillingDetails
from licensing.orders.operations.drafts import check_price
from licensing.orders.operations.locks import lock_order
from licensing.orders.operations.placement import prepare_card_payment
from licensing.payments.card import providers
from licensing.payments.card.provider_interface import EURO, ProviderSession
from licensing.payments.exceptions import CardsClosed, NotToPay
from licensing.payments.models import CardPayment
from licensing.payments.operations import is_school_year_over

#: Statuses of an attempt that may still be paid.
OPEN_STATUSES = (PaymentStatus.WAITING, PaymentStatus.INPUT)
#: States of a placed order that is not paid, whatever its payment method.
_UNPAID = (OrderState.IN_REVIEW, OrderState.PLACED, OrderState.LAPSED, OrderState.CONFIRMED)


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

    Open attempts for another amount are abandoned. Raises `CardsClosed`, `NotToPay` or `PriceChanged`.
    """
    if not providers.is_available():
        raise CardsClosed("Le paiement par carte n'est pas ouvert sur ce site : choisissez le chèque ou le mandat.")
    order = lock_order(order_id)
    if order.placed_by_id != by.pk or order.kind != OrderKind.SHOP:
        raise NotToPay("Cette commande n'est pas la vôtre.")
    _check_payable(order)
    if is_school_year_over(order, at=at):
        raise NotToPay("L'année scolaire de ces licences est terminée : elles ne s'ouvriraient plus.")
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
            raise NotToPay("Choisissez d'abord le paiement par carte et acceptez les conditions générales de vente.")
        if order.terms_version != terms.CURRENT:
            raise NotToPay("Les conditions générales de vente ont changé : revoyez la commande et acceptez-les.")
    elif order.state not in _UNPAID:
        raise NotToPay(f"{order} : {order.get_state_display().lower()}. Elle n'attend aucun paiement.")
    if not 0 < order.total_ttc == get_balance(order):
        raise NotToPay(
            "Une partie de cette commande est déjà réglée, ou reprise par un avoir : le reste ne peut pas l'être par "
            "carte."
        )
    missing_details = preflight.check_order(order).missing if order.state != OrderState.CONFIRMED else []
    if missing_details:
        raise NotToPay(
            "La facture suit aussitôt un paiement par carte : complétez d'abord ce qu'elle doit porter. "
            + " ".join(one.sentence for one in missing_details)
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
