"""Payments received, by card or recorded by the operator. The order's rights are updated in the same transaction."""

from __future__ import annotations

import datetime
from decimal import Decimal

from django.db import models, transaction
from django_tenants.utils import tenant_context

from accounts.models import User
from core import formatting
from core.calendar import date_in_paris
from licensing.billing import invoicing
from licensing.billing import operations as billing_operations
from licensing.billing.queries import get_balance
from licensing.orders import rights
from licensing.orders.exceptions import BadAmount, BadReference, InvalidOrderDate, NotInThisState
from licensing.orders.models import ZERO, Order, OrderLine, OrderState, PaymentMethod, ScanState, SettlementMethod
from licensing.orders.operations import notifications, order_events
from licensing.orders.operations.locks import lock_order
from licensing.payments.models import CardPayment, Payment, PaymentKind
from webhooks import operations as webhooks
from webhooks.operations import NewEvent


class PaymentEvent(models.TextChoices):
    ORDER_PAID = "order.paid", "Commande réglée"


@transaction.atomic
def settle_by_card(*, card_payment_id: int, at: datetime.datetime) -> Order:
    """Settle an order by a card payment: record the payment, issue the invoice, open the rights; return the order.

    Idempotent. A payment for a cancelled or already paid order is recorded and waits for a refund. Raises `BadAmount`
    if the amount is not the one due, `InvalidOrderDate` if the school year is over.
    """
    order_id = CardPayment.objects.values_list("order_id", flat=True).get(pk=card_payment_id)
    order = lock_order(order_id)
    card = CardPayment.objects.locked().get(pk=card_payment_id)
    if Payment.objects.filter(card=card, kind=PaymentKind.RECEIVED).exists():
        return order
    if is_school_year_over(order, at=at):
        raise InvalidOrderDate(f"{order} : payée par carte une fois l'année scolaire de ses licences terminée.")
    closed = order.state in (OrderState.PAID, OrderState.CANCELLED)
    # A partial payment by cheque may have been recorded since the card payment started.
    amount_due = order.total_ttc if closed else get_balance(order)
    if card.total != amount_due:
        raise BadAmount(f"{order} : {card.total} reçu par carte pour {amount_due}.")
    _create_payment(
        order, PaymentMethod.CARD, card.total, date_in_paris(at), card.transaction_id, card=card, by=None, at=at
    )
    if closed:
        order_events.record(
            order, "paid_in_excess", "réglée par carte alors qu'elle ne l'attendait plus.", by=None, at=at
        )
        return order
    if not order.invoices.current().exists():
        invoicing.issue_invoice(order, at=at, paid_by_card=True)
    opened = OrderLine.objects.filter(order=order, entitlement__isnull=False).exists()
    order.placed_at = order.placed_at or at
    order.method = SettlementMethod.CARD
    mark_paid(order, by=None, at=at, opened=opened)
    return order


@transaction.atomic
def record_payment(
    *,
    order_id: int,
    method: str,
    amount: Decimal,
    received_on: datetime.date,
    reference: str,
    by: User,
    at: datetime.datetime,
) -> Payment:
    """Record a cheque or a transfer for an order; once fully paid, its rights become firm.

    A payment stands for the signed purchase order, if that is awaited still: the invoice is issued, and rights that had
    lapsed are restored. What comes in beyond what is owed is recorded too, as an overpayment. Idempotent: amount, day
    and reference identify a payment. Raises `NotInThisState`, `IncompleteForInvoice`, `BadAmount`, `BadReference` or
    `InvalidOrderDate`.
    """
    reference = " ".join(reference.split())
    if not reference:
        raise BadReference("Indiquez le numéro du chèque ou le libellé du virement.")
    if received_on > date_in_paris(at):
        raise InvalidOrderDate(f"Le {formatting.long_date(received_on)} n'est pas encore venu.")
    order = lock_order(order_id)
    same = order.payments.filter(reference=reference, amount=amount, received_on=received_on)
    # One that was reversed, such as a cheque that came back, may be presented and recorded anew.
    known = same.filter(kind=PaymentKind.RECEIVED, taken_back__isnull=True).first()
    if known is not None:
        return known
    _check_payable(order, at=at)
    placed_on = date_in_paris(order.placed_at or at)
    if received_on < placed_on:
        raise InvalidOrderDate(
            f"{order} a été passée le {formatting.long_date(placed_on)} : un règlement reçu le "
            f"{formatting.long_date(received_on)} n'est pas le sien."
        )
    if amount <= 0:
        raise BadAmount(f"Indiquez ce qui est arrivé ; vous avez saisi {formatting.euros(amount)}.")
    due = ZERO if order.state == OrderState.CANCELLED else max(ZERO, get_balance(order))
    payment = _create_payment(order, method, amount, received_on, reference, card=None, by=by, at=at)
    if order.state in (OrderState.PLACED, OrderState.LAPSED):
        # The invoice states what was received.
        billing_operations.confirm(order_id=order.pk, by=by, at=at, by_payment=True)
        order.refresh_from_db()
    if order.state == OrderState.CONFIRMED and amount >= due:
        mark_paid(order, by=by, at=at, opened=True)
    if amount > due:
        surplus = f"{formatting.euros(amount - due)} de trop-perçu, à rendre ou à reporter sur une autre commande."
        order_events.record(order, "paid_in_excess", surplus, by=by, at=at)
    return payment


def _check_payable(order: Order, *, at: datetime.datetime) -> None:
    """Raise `NotInThisState` for a draft, an order in review, and one whose licences expired before its invoice.

    Money for an order that is no longer owed is in the bank all the same: it is recorded, to be given back.
    """
    if order.placed_at is None or order.state == OrderState.IN_REVIEW:
        remedy = (
            "Ouvrez d'abord ses droits." if order.state == OrderState.IN_REVIEW else "Aucun règlement n'est attendu."
        )
        raise NotInThisState(f"{order} : {order.get_state_display().lower()}. {remedy}")
    if is_school_year_over(order, at=at):
        raise NotInThisState(
            f"{order} : l'année scolaire de ses licences est terminée. Annulez-la, puis enregistrez ce qui est arrivé :"
            " il sera à rendre."
        )


def is_school_year_over(order: Order, *, at: datetime.datetime) -> bool:
    """Return whether the licences that a payment would open have expired. False once invoiced: it is still due."""
    if order.state not in (OrderState.DRAFT, OrderState.IN_REVIEW, OrderState.PLACED, OrderState.LAPSED):
        return False
    return OrderLine.objects.filter(order=order, school_year__ends_on__lt=date_in_paris(at)).exists()


def _create_payment(
    order: Order,
    method: str,
    amount: Decimal,
    received_on: datetime.date,
    reference: str,
    *,
    card: CardPayment | None,
    by: User | None,
    at: datetime.datetime,
) -> Payment:
    payment = Payment.objects.create(
        order=order,
        kind=PaymentKind.RECEIVED,
        method=method,
        amount=amount,
        received_on=received_on,
        reference=reference,
        card=card,
        recorded_at=at,
        recorded_by=by,
    )
    summary = f"{formatting.euros(amount)} reçus ({payment.get_method_display().lower()})."
    order_events.record(order, "payment_recorded", summary, by=by, at=at)
    return payment


def mark_paid(order: Order, *, by: User | None, at: datetime.datetime, opened: bool) -> None:
    """Mark an order as paid and make its rights firm; open them if `opened` is False."""
    order.state, order.paid_at = OrderState.PAID, at
    order.save()
    order.scans.filter(state=ScanState.WAITING).update(
        state=ScanState.REFUSED, reason="Commande réglée par carte.", decided_at=at, decided_by=by
    )
    was_suspended = opened and rights.is_suspended(order, at=at)
    if opened:
        rights.make_firm(order)
    else:
        assert order.placed_by is not None  # noqa: S101 - the database holds it for what is sold
        rights.open_rights(order, until=None, by=order.placed_by, at=at)
    # A suspension for another cause stays in force.
    resumed = was_suspended and not rights.is_suspended(order, at=at)
    order_events.record(order, "paid", "entièrement réglée : les droits sont définitifs.", by=by, at=at)
    notifications.notify_buyer(order, notifications.PAID, at=at, resumed=resumed)
    if order.collectivity is not None:
        paid = {
            "order": order.pk,
            "total_ttc": str(order.total_ttc),
            # By partial credit notes: what was to be paid is the total less that.
            "credited_ttc": str(order.credited),
            "currency": "EUR",
        }
        with tenant_context(order.collectivity):
            webhooks.emit(events=[NewEvent(PaymentEvent.ORDER_PAID, f"order:{order.pk}", paid)], at=at)
