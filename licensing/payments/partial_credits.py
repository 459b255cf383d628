"""Partial credit notes: licences taken back with their price, or a part of the price alone.

The order stays as it was placed and keeps the rights to what is left. What was paid beyond what it then costs goes
back: to the card by itself, otherwise as an overpayment.
"""

from __future__ import annotations

import datetime
from decimal import Decimal

from django.db import transaction

from accounts.models import User
from core import formatting
from core.money import round_to_cents
from licensing.billing import invoicing
from licensing.billing.models import Invoice
from licensing.billing.queries import get_amount_received, get_balance
from licensing.orders import rights
from licensing.orders.exceptions import BadAmount, BadLicences, NoReason, NotInThisState
from licensing.orders.models import Order, OrderLine, OrderState
from licensing.orders.operations import notifications, order_events
from licensing.orders.operations.locks import lock_order
from licensing.payments import card
from licensing.payments.models import PaymentKind
from licensing.payments.operations.receipts import mark_paid
from licensing.payments.operations.reversals import await_payment_again
from licensing.payments.queries import get_refundable


def price_licences(line: OrderLine, licences: int) -> Decimal:
    """Return the part of a line's price that more licences taken back are worth, in euros, VAT included.

    In proportion: all of them are worth the price, to the cent, in however many parts.
    """
    before, after = (line.total_ttc * taken / line.quantity for taken in (line.taken_back, line.taken_back + licences))
    return round_to_cents(after) - round_to_cents(before)


@transaction.atomic
def credit_in_part(
    *, order_id: int, licences: int, amount: Decimal | None, reason: str, by: User, at: datetime.datetime
) -> Invoice:
    """Take back licences of an invoiced order, a part of its price, or both; return the credit note.

    `licences`: 0 for a reduction of the price alone. `amount`: in euros, VAT included; None for the price of the
    licences. What was paid by card beyond what is owed then is refunded. The buyer is told. Raises `NoReason`,
    `NotInThisState`, `BadLicences`, `LicencesInUse` or `BadAmount`.
    """
    reason = " ".join(reason.split())
    if not reason:
        raise NoReason("Dites pourquoi : l'avoir le porte, et l'acheteur le lit.")
    if not licences and amount is None:
        raise BadAmount("Indiquez les licences à reprendre, ou le montant de l'avoir.")
    order = lock_order(order_id)
    invoice = _get_creditable_invoice(order)
    line = order.lines.select_related("entitlement__collectivity").get()
    if not 0 <= licences < line.remaining:
        raise BadLicences(
            f"La commande compte {formatting.pluralize(line.remaining, 'licence')} : reprenez-en moins, ou annulez-la."
        )
    ttc = price_licences(line, licences) if amount is None else amount
    if licences:
        rights.take_back(line, licences, by=by, at=at)
    # Of a paid order what is credited goes back, or did already.
    goes_back = order.state == OrderState.PAID or get_amount_received(order) > order.owed - ttc
    note = invoicing.issue_partial_credit_note(
        invoice, ttc=ttc, licences=licences, reason=reason, goes_back=goes_back, at=at
    )
    order.credited += ttc
    order.save(update_fields=["credited"])
    taken = f" ; {formatting.pluralize(licences, 'licence reprise', 'licences reprises')}" if licences else ""
    summary = f"avoir {note} de {formatting.euros(ttc)} sur la facture {invoice}{taken} ({reason})."
    order_events.record(order, "credited", summary, by=by, at=at)
    notifications.notify_buyer(order, notifications.CREDITED, at=at, invoice=note.pk)
    if order.state == OrderState.CONFIRMED and get_balance(order) <= 0:
        mark_paid(order, by=by, at=at, opened=True)
    _refund_cards(order, by=by, at=at)
    return note


@transaction.atomic
def demand_refunded_part(*, order_id: int, by: User, at: datetime.datetime) -> Order:
    """Ask again for what was refunded in the card provider's dashboard: the order still costs it; return the order.

    It awaits its payment, by cheque or transfer. The buyer is told. Raises `NotInThisState` if nothing is missing.
    """
    order = lock_order(order_id)
    missing = get_balance(order)
    if order.state != OrderState.PAID or missing <= 0:
        raise NotInThisState(f"{order} : {order.get_state_display().lower()}. Rien n'y manque.")
    await_payment_again(order, by=by, at=at)
    notifications.notify_buyer(order, notifications.OWED_AGAIN, at=at)
    return order


def _get_creditable_invoice(order: Order) -> Invoice:
    invoice = order.invoices.current().first()
    if invoice is None:
        raise NotInThisState(
            f"{order} : {order.get_state_display().lower()}. Seule une commande facturée peut être reprise en partie."
        )
    if invoice.get_rejection() is not None:
        raise NotInThisState(f"La facture {invoice} a été rejetée ou refusée : refaites-la d'abord.")
    return invoice


def _refund_cards(order: Order, *, by: User, at: datetime.datetime) -> None:
    """Give back on their cards what came in by card beyond what the order costs."""
    for payment in order.payments.filter(kind=PaymentKind.RECEIVED, card__isnull=False).order_by("-pk"):
        spare = get_refundable(payment)
        if spare > 0:
            card.refund(payment_id=payment.pk, amount=spare, by=by, at=at)
