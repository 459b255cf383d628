"""Partial credit notes: licences taken back with their price, or a part of the price alone.

The order stays as it was placed and keeps the rights to what is left. What was paid beyond what it then costs goes
back: to the card by itself, otherwise as an overpayment.
"""

import datetime
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.models import User
from core import formatting
from core.calendar import PARIS
from core.contact_details import check_plain_name
from core.exceptions import Refusal
from core.money import round_to_cents
from licensing.books.billing import invoicing
from licensing.books.billing import operations as billing_operations
from licensing.books.billing.models import Invoice
from licensing.books.billing.queries import get_amount_received, get_balance
from licensing.orders import order_events, rights
from licensing.orders.exceptions import BadAmount, BadBilling, NoReason
from licensing.orders.models import ContractWithdrawal, Order, OrderLine, OrderState
from licensing.orders.order_events import lock_order
from licensing.orders.queries import can_withdraw, get_last_withdrawal_day
from licensing.payments import card
from licensing.payments.models import PaymentKind
from licensing.payments.operations import await_payment_again, mark_paid
from licensing.payments.queries import get_amount_left, get_refundable


@transaction.atomic
def withdraw_from_contract(*, order_id: int, name: str, by: User, at: datetime.datetime) -> ContractWithdrawal:
    """Record a consumer's withdrawal, cancel the order and refund its card payments; return the withdrawal.

    Other payments wait for the operator. The receipt is e-mailed at once. Idempotent. Raises `Refusal` for
    anybody but the buyer, or where nobody may withdraw, or no longer; or `BadBilling` for the name.
    """
    order = lock_order(order_id)
    if order.placed_by_id != by.pk:
        raise Refusal("unknown_order", "Cette commande n'existe pas.")
    known = ContractWithdrawal.objects.filter(order=order).first()
    if known is not None:
        return known
    if not can_withdraw(order, at=at):
        last = get_last_withdrawal_day(order)
        raise Refusal(
            "not_in_this_state",
            "Le droit de rétractation est celui d'un particulier qui paie pour lui-même, sur une commande passée."
            if last is None
            else f"Le délai pour renoncer à {order} a pris fin le {formatting.long_date(last)}.",
        )
    withdrawal = ContractWithdrawal.objects.create(order=order, name=_clean_name(name), by=by, at=at)
    moment = at.astimezone(PARIS)
    billing_operations.cancel(
        order_id=order.pk,
        reason=f"renonciation au contrat, reçue le {formatting.long_date(moment.date())} à {moment:%Hh%M}",
        by=by,
        at=at,
        notification=order_events.WITHDRAWN,
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
    `Refusal`, `LicencesInUse` or `BadAmount`.
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
        raise Refusal(
            "invalid_licences",
            f"La commande compte {formatting.pluralize(line.remaining, 'licence')} : reprenez-en moins, ou annulez-la.",
        )
    ttc = price_licences(line, licences) if amount is None else amount
    if licences:
        rights.take_back(line, licences, by=by, at=at)
    # Of a paid order what is credited goes back, or did already.
    goes_back = order.state == OrderState.PAID or get_amount_received(order) > order.owed - ttc
    note = invoicing.issue_partial_credit_note(
        invoice, ttc=ttc, licences=licences, reason=reason, goes_back=goes_back, at=at
    )
    order.change(credited=order.credited + ttc)
    taken = f" ; {formatting.pluralize(licences, 'licence reprise', 'licences reprises')}" if licences else ""
    summary = f"avoir {note} de {formatting.euros(ttc)} sur la facture {invoice}{taken} ({reason})."
    order_events.record(order, "credited", summary, by=by, at=at, email=order_events.CREDITED, invoice=note.pk)
    if order.state == OrderState.CONFIRMED and get_balance(order) <= 0:
        mark_paid(order, by=by, at=at, opened=True)
    _refund_cards(order, by=by, at=at)
    return note


@transaction.atomic
def demand_refunded_part(*, order_id: int, by: User, at: datetime.datetime) -> Order:
    """Ask again for what was refunded in the card provider's dashboard: the order still costs it; return the order.

    It awaits its payment, by cheque or transfer. The buyer is told. Raises `Refusal` if nothing is missing.
    """
    order = lock_order(order_id)
    missing = get_balance(order)
    if order.state != OrderState.PAID or missing <= 0:
        raise order.refuse_state("Rien n'y manque.")
    await_payment_again(order, by=by, at=at)
    order_events.notify_buyer(order, order_events.OWED_AGAIN, at=at)
    return order


def _get_creditable_invoice(order: Order) -> Invoice:
    invoice = order.invoices.current().first()
    if invoice is None:
        raise order.refuse_state("Seule une commande facturée peut être reprise en partie.")
    if invoice.get_rejection() is not None:
        raise Refusal("not_in_this_state", f"La facture {invoice} a été rejetée ou refusée : refaites-la d'abord.")
    return invoice


def _refund_cards(order: Order, *, by: User, at: datetime.datetime) -> None:
    """Give back on their cards what came in by card beyond what the order costs."""
    for payment in order.payments.filter(kind=PaymentKind.RECEIVED, card__isnull=False).order_by("-pk"):
        spare = get_refundable(payment)
        if spare > 0:
            card.refund(payment_id=payment.pk, amount=spare, by=by, at=at)
