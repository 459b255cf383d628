"""Operations on payments. Each locks the order first; rights follow in the same transaction."""

import datetime
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.db import models, transaction
from django_tenants.utils import tenant_context

from accounts.models import User
from core import formatting
from core.calendar import date_in_paris
from core.exceptions import Refusal
from licensing.books.billing import invoicing
from licensing.books.billing import operations as billing_operations
from licensing.books.billing.operations import get_rights_end
from licensing.books.billing.queries import get_amount_received, get_balance
from licensing.orders import order_events, rights
from licensing.orders.exceptions import BadAmount, BadReference, InvalidOrderDate, NoReason
from licensing.orders.models import UNSIGNED_STATES, ZERO, Order, OrderLine, OrderState, ScanState
from licensing.orders.order_events import lock_order, lock_orders
from licensing.orders.settlement import PaymentMethod, SettlementMethod
from licensing.payments.models import CardPayment, Payment, PaymentKind, ReversalReason
from licensing.payments.queries import (
    get_amount_left,
    get_refundable,
    get_surplus,
    list_owed_orders,
    list_payments_left,
)
from webhooks import operations as webhooks
from webhooks.operations import NewEvent


def erase_billing_emails(user: User) -> None:
    """Erase the billing address of the card payments of a user's orders. Payments are kept: they are accounts."""
    CardPayment.objects.filter(order__placed_by=user).update(billing_email="")


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
    _receive(order, PaymentMethod.CARD, card.total, date_in_paris(at), card.transaction_id, card=card, by=None, at=at)
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
    and reference identify a payment. Raises `Refusal`, `BadAmount`, `BadReference` or `InvalidOrderDate`.
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
    payment = _receive(order, method, amount, received_on, reference, card=None, by=by, at=at)
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
    """Raise `Refusal` for a draft, an order in review, and one whose licences expired before its invoice.

    Money for an order that is no longer owed is in the bank all the same: it is recorded, to be given back.
    """
    if order.placed_at is None or order.state == OrderState.IN_REVIEW:
        remedy = (
            "Ouvrez d'abord ses droits." if order.state == OrderState.IN_REVIEW else "Aucun règlement n'est attendu."
        )
        raise order.refuse_state(remedy)
    if is_school_year_over(order, at=at):
        raise Refusal(
            "not_in_this_state",
            f"{order} : l'année scolaire de ses licences est terminée. Annulez-la, puis enregistrez ce qui est arrivé :"
            " il sera à rendre.",
        )


def is_school_year_over(order: Order, *, at: datetime.datetime) -> bool:
    """Return whether the licences that a payment would open have expired. False once invoiced: it is still due."""
    if order.state not in (OrderState.DRAFT, *UNSIGNED_STATES):
        return False
    return OrderLine.objects.filter(order=order, school_year__ends_on__lt=date_in_paris(at)).exists()


def _receive(
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
    kind = PaymentKind.RECEIVED
    payment = _create(
        order, kind, method, amount, reference=reference, received_on=received_on, card=card, by=by, at=at
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
    summary = "entièrement réglée : les droits sont définitifs."
    order_events.record(order, "paid", summary, by=by, at=at, email=order_events.PAID, resumed=resumed)
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
        _take_back(order, payment, PaymentKind.REFUNDED, part, method=method, reference=reference, by=by, at=at)
        for payment, part in _split(order, amount)
    ]
    order_events.record(
        order, "refunded", f"{formatting.euros(amount)} de trop-perçu rendus ({reference}).", by=by, at=at
    )
    for one in refunds:
        order_events.notify_buyer(order, order_events.REFUNDED, at=at, payment=one.pk)
    return refunds


@transaction.atomic
def move_surplus(*, order_id: int, target_id: int, amount: Decimal, by: User, at: datetime.datetime) -> list[Payment]:
    """Move an overpayment to another order that the same payer owes; return the payments of that order.

    Once fully paid, its rights become firm. `amount`: in euros. Raises `BadAmount` or `Refusal`.
    """
    orders = lock_orders(order_id, target_id)
    order, target = orders[order_id], orders[target_id]
    if not list_owed_orders(order).filter(pk=target.pk).exists():
        raise Refusal("not_in_this_state", f"{target} n'est pas à régler, ou pas par le même payeur.")
    _check_amount(order, amount)
    due = get_balance(target)
    if amount > due:
        raise BadAmount(f"{target} : il reste {formatting.euros(due)} à régler, reportez-en autant au plus.")
    moved = []
    for payment, part in _split(order, amount):
        out = _take_back(order, payment, PaymentKind.MOVED_OUT, part, by=by, at=at)
        kind, reference = PaymentKind.MOVED_IN, payment.reference
        moved.append(_create(target, kind, payment.method, part, reference=reference, moved_from=out, by=by, at=at))
    euros, source, paid = formatting.euros(amount), str(order).lower(), str(target).lower()
    context = {"target": target.pk, "payments": [payment.pk for payment in moved]}
    summary, email = f"{euros} de trop-perçu reportés sur la {paid}.", order_events.SURPLUS_MOVED
    order_events.record(order, "surplus_moved", summary, by=by, at=at, email=email, **context)
    order_events.record(target, "payment_recorded", f"{euros} reportés, trop-perçus sur la {source}.", by=by, at=at)
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


def _take_back(order: Order, payment: Payment, kind: PaymentKind, amount: Decimal, **columns: Any) -> Payment:
    """Record that a part of a payment went back: as it came and under its reference, unless `columns` say otherwise."""
    columns = {"method": payment.method, "reference": payment.reference, **columns}
    return _create(order, kind, amount=-amount, refunds=payment, **columns)


def _create(
    order: Order,
    kind: PaymentKind,
    method: str,
    amount: Decimal,
    *,
    by: User | None,
    at: datetime.datetime,
    received_on: datetime.date | None = None,
    **columns: Any,
) -> Payment:
    return Payment.objects.create(
        order=order,
        kind=kind,
        method=method,
        amount=amount,
        received_on=received_on or date_in_paris(at),
        recorded_at=at,
        recorded_by=by,
        **columns,
    )


def _lock_payment(payment_id: int) -> tuple[Order, Payment]:
    """Lock the order of a payment; return both."""
    order = lock_order(Payment.objects.values_list("order_id", flat=True).get(pk=payment_id))
    return order, Payment.objects.get(pk=payment_id)


# Reversals: a payment that did not come in, or was recorded by mistake, is taken back from its order.
#
# Nothing is erased: a negative payment stands against the first, and the invoice stays as it is.


@transaction.atomic
def reverse_payment(
    *, payment_id: int, amount: Decimal, reason: str, text: str, by: User, at: datetime.datetime
) -> Payment:
    """Take back a cheque or a transfer, in whole or in part; return the negative payment.

    An order that is no longer fully paid awaits its payment again: its rights run until their unpaid date. The buyer is
    told if the payment bounced. `amount`: in euros. Raises `NoReason`, `Refusal` or `BadAmount`.
    """
    text = " ".join(text.split())
    if reason == ReversalReason.OTHER and not text:
        raise NoReason("Dites pourquoi ce règlement est annulé : les livres le gardent.")
    order, payment = _lock_payment(payment_id)
    if payment.amount < 0:
        raise Refusal("not_in_this_state", "Ce mouvement est déjà une sortie : il ne s'annule pas.")
    if payment.card_id is not None:
        raise Refusal("not_in_this_state", "Un règlement par carte ne s'annule pas ici : il se rembourse sur la carte.")
    left = get_amount_left(payment)
    if not 0 < amount <= left:
        raise BadAmount(
            f"Il reste {formatting.euros(left)} de ce règlement ; vous voulez en annuler {formatting.euros(amount)}."
        )
    kind = PaymentKind.REVERSED
    reversal = _take_back(order, payment, kind, amount, reversal_reason=reason, explanation=text, by=by, at=at)
    why = ReversalReason(reason).label.lower() + (f", {text}" if text else "")
    summary = f"{formatting.euros(amount)} annulés, sur « {payment.reference} » ({why})."
    order_events.record(order, "payment_reversed", summary, by=by, at=at)
    if order.state == OrderState.PAID and get_balance(order) > 0:
        await_payment_again(order, by=by, at=at)
    if reason == ReversalReason.UNPAID:
        order_events.notify_buyer(order, order_events.PAYMENT_REVERSED, at=at, payment=reversal.pk)
    return reversal


def await_payment_again(order: Order, *, by: User, at: datetime.datetime) -> None:
    """Put a paid order back to what it was before the payment that completed it."""
    # An order that was paid by card at once was never confirmed.
    confirmed_at = order.confirmed_at or order.paid_at
    # What is missing is not paid by card again: cards pay whole orders.
    method = order.method if order.has_purchase_order else SettlementMethod.MANDATE
    order.change(state=OrderState.CONFIRMED, confirmed_at=confirmed_at, paid_at=None, method=method)
    rights.await_payment_again(order, until=get_rights_end(order, order.invoices.current().get()))
    summary = f"de nouveau à régler : {formatting.euros(get_balance(order))} manquent ; la facture ne change pas."
    order_events.record(order, "unpaid_again", summary, by=by, at=at)


@transaction.atomic
def refund(
    *, payment_id: int, by: User | None, at: datetime.datetime, reference: str = "", amount: Decimal | None = None
) -> Payment:
    """Record the refund of a payment of a cancelled or overpaid order; return the negative payment.

    `amount`, in euros: None for all of the payment that the order can spare. Once nothing is left, the last refund is
    returned. Raises `BadAmount`, or `Refusal` if the order would no longer be fully paid.
    """
    order, payment = _lock_payment(payment_id)
    if payment.amount < 0:
        raise Refusal("not_in_this_state", "Ce mouvement est déjà une sortie : il ne se rembourse pas.")
    left = get_amount_left(payment)
    known = payment.taken_back.filter(kind=PaymentKind.REFUNDED).order_by("pk").last()
    if left == 0 and known is not None:
        return known
    amount = get_refundable(payment) or left if amount is None else amount
    if not 0 < amount <= left:
        raise BadAmount(
            f"Il reste {formatting.euros(left)} de ce règlement ; vous voulez en rendre {formatting.euros(amount)}."
        )
    if order.state != OrderState.CANCELLED and get_amount_received(order) - amount < order.owed:
        raise Refusal("not_in_this_state", f"{order} n'est pas annulée : annulez-la d'abord, ce qui émet l'avoir.")
    return _refund(order, payment, amount, reference=reference, by=by, at=at)


@transaction.atomic
def record_provider_refund(
    *, payment_id: int, amount: Decimal, reference: str, at: datetime.datetime
) -> Payment | None:
    """Record a refund that was made in the card provider's dashboard, once; return the negative payment.

    None if nothing is left of the payment: our own refunds took it. An order that is no longer fully paid waits for the
    operator. `amount`: in euros; `reference`: the provider's identifier.
    """
    order, payment = _lock_payment(payment_id)
    known = payment.taken_back.filter(provider_refund=reference).first()
    amount = min(amount, get_amount_left(payment))
    if known is not None or amount <= 0:
        return known
    return _refund(order, payment, amount, reference=reference, by=None, at=at, provider_refund=reference)


def _refund(
    order: Order,
    payment: Payment,
    amount: Decimal,
    *,
    reference: str,
    by: User | None,
    at: datetime.datetime,
    provider_refund: str = "",
) -> Payment:
    columns = {"reference": reference, "card": payment.card, "provider_refund": provider_refund}
    refund_payment = _take_back(order, payment, PaymentKind.REFUNDED, amount, by=by, at=at, **columns)
    where = " depuis le tableau de bord du prestataire" if provider_refund else ""
    summary, email = f"{formatting.euros(amount)} remboursés{where}.", order_events.REFUNDED
    order_events.record(order, "refunded", summary, by=by, at=at, email=email, payment=refund_payment.pk)
    return refund_payment
