"""What a person decides of a line: booked as payments, set aside with a reason, or taken back to be decided anew.

Locks: the line, then its orders in the order of their keys, then what `payments` locks.
"""

from __future__ import annotations

import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import F

from accounts.models import User
from core import formatting
from core.calendar import date_in_paris
from licensing.bank.exceptions import BadShares, LineNotWaiting
from licensing.bank.matching.match_proposal import ChosenMatch, PaymentShare
from licensing.bank.models import LinePayment, LineState, StatementLine
from licensing.billing.queries import get_balance
from licensing.orders.exceptions import ChangedMeanwhile, NoReason
from licensing.orders.models import ZERO, Order, OrderState
from licensing.orders.operations.locks import lock_orders
from licensing.payments import operations as payment_operations
from licensing.payments.models import Payment, PaymentKind, ReversalReason
from licensing.payments.queries import get_amount_left


@transaction.atomic
def book_line(
    *, line_id: int, chosen: ChosenMatch, by: User, at: datetime.datetime, rest_reason: str = ""
) -> StatementLine:
    """Book a line as it was chosen: record its payments, find those recorded before, or reverse one; return the line.

    What is chosen makes up the line, or `rest_reason` says why its rest is set aside. Raises `LineNotWaiting`,
    `BadShares`, `ChangedMeanwhile` if more would be an overpayment than was shown, and what payments raise.
    """
    line = _lock_waiting_line(line_id)
    if chosen.reversed_id is not None:
        booked = [_reverse(line, chosen.reversed_id, by=by, at=at)]
    elif line.amount < 0:
        raise BadShares("Une ligne au débit n'est pas un règlement reçu : rien n'a été fait.")
    else:
        orders = _lock_and_check(chosen)
        booked = [_find_recorded(line, pk) for pk in sorted(set(chosen.payment_ids))]
        booked += [
            _record(line, orders[share.order_id], share, by=by, at=at)
            for share in sorted(chosen.shares, key=lambda share: share.order_id)
        ]
    total = sum((payment.amount for payment, _ in booked), ZERO)
    _check_total(line, total, rest_reason)
    LinePayment.objects.bulk_create(
        LinePayment(line=line, payment=payment, order_id=payment.order_id, was_recorded=was_recorded)
        for payment, was_recorded in booked
    )
    rest = line.open_amount - total
    # F() and not +=: were the lock ever forgotten, the database's own CHECK would still refuse.
    line.booked_amount = F("booked_amount") + total
    if rest:
        line.set_aside_amount, line.reason = F("set_aside_amount") + rest, rest_reason.strip()
    line.state = LineState.BOOKED
    return _decide(line, by=by, at=at)


@transaction.atomic
def set_line_aside(*, line_id: int, reason: str, by: User, at: datetime.datetime) -> StatementLine:
    """Set aside what is left of a line that pays no order; return the line. Raises `LineNotWaiting`, `NoReason`."""
    reason = " ".join(reason.split())
    if not reason:
        raise NoReason(
            "Dites pourquoi cette ligne est mise de côté : intérêts, apport, remboursement d'un fournisseur…"
        )
    line = _lock_waiting_line(line_id)
    line.set_aside_amount, line.reason = line.amount - line.booked_amount, reason
    line.state = LineState.BOOKED if line.booked_amount else LineState.SET_ASIDE
    return _decide(line, by=by, at=at)


@transaction.atomic
def take_line_back(*, line_id: int, by: User, at: datetime.datetime) -> StatementLine:
    """Have a line decided anew: what was set aside, payments found on it, those reversed as a mistake; return it.

    A payment recorded from the line is first reversed as a mistake, from its own page. A debit that the bank did not
    mark as a return can be taken up as one. Raises `LineNotWaiting`.
    """
    line = _lock_line(line_id)
    released = list_releasable(line)
    if not released and not line.set_aside_amount and line.state != LineState.DEBIT:
        raise LineNotWaiting(
            "Rien de cette ligne ne peut être repris : si elle règle une autre commande, annulez d'abord le règlement "
            "depuis sa page, avec le motif « Erreur de saisie »."
        )
    LinePayment.objects.filter(pk__in=[link.pk for link in released]).update(released_at=at)
    line.booked_amount = F("booked_amount") - sum((link.payment.amount for link in released), ZERO)
    line.set_aside_amount, line.reason = ZERO, ""
    line.state = LineState.WAITING
    return _decide(line, by=by, at=at)


def list_releasable(line: StatementLine) -> list[LinePayment]:
    """Return what of a line can be booked otherwise: payments found on it, and those wholly reversed as a mistake."""
    links = (
        line.payments.filter(released_at__isnull=True, payment__amount__gt=0).select_related("payment").order_by("pk")
    )
    return [link for link in links if not link.was_recorded or _is_mistake(link.payment)]


def _is_mistake(payment: Payment) -> bool:
    """Whether all of a payment was reversed because it was recorded by mistake."""
    others = payment.taken_back.exclude(kind=PaymentKind.REVERSED, reversal_reason=ReversalReason.MISTAKE)
    return get_amount_left(payment) == 0 and not others.exists()


def _lock_line(line_id: int) -> StatementLine:
    line = StatementLine.objects.locked().filter(pk=line_id).first()
    if line is None:
        raise LineNotWaiting("Cette ligne de relevé n'existe pas.")
    return line


def _lock_waiting_line(line_id: int) -> StatementLine:
    line = _lock_line(line_id)
    if line.state != LineState.WAITING:
        when = "" if line.decided_at is None else f" depuis le {formatting.long_date(date_in_paris(line.decided_at))}"
        raise LineNotWaiting(f"{line} : {line.get_state_display().lower()}{when}. Rien de plus n'a été fait.")
    return line


def _lock_and_check(chosen: ChosenMatch) -> dict[int, Order]:
    """Lock the orders, those of payments found included; check that none receives more in excess than was shown."""
    found = Payment.objects.filter(pk__in=chosen.payment_ids).values_list("order_id", flat=True)
    if len({share.order_id for share in chosen.shares}) < len(chosen.shares):
        raise BadShares("La même commande est choisie deux fois pour cette ligne : rien n'a été fait.")
    orders = lock_orders(*(share.order_id for share in chosen.shares), *found)
    for share in chosen.shares:
        order = orders[share.order_id]
        due = get_due(order)
        if max(ZERO, share.amount - due) > share.surplus:
            raise ChangedMeanwhile(
                f"{order} : il restait {formatting.euros(share.due)} à régler quand la page s'est affichée, et "
                f"{formatting.euros(due)} maintenant. Relisez la ligne, puis choisissez de nouveau."
            )
    return orders


def get_due(order: Order) -> Decimal:
    """Return what is due for an order, in euros: nothing once it is cancelled or overpaid."""
    return ZERO if order.state == OrderState.CANCELLED else max(ZERO, get_balance(order))


def _record(
    line: StatementLine, order: Order, share: PaymentShare, *, by: User, at: datetime.datetime
) -> tuple[Payment, bool]:
    payment = payment_operations.record_payment(
        order_id=order.pk,
        method=line.method,
        amount=share.amount,
        received_on=line.booked_on,
        reference=line.payment_reference,
        by=by,
        at=at,
    )
    return payment, True


def _find_recorded(line: StatementLine, payment_id: int) -> tuple[Payment, bool]:
    """Return a payment that was recorded before, and that no line shows."""
    payment = Payment.objects.filter(pk=payment_id, kind=PaymentKind.RECEIVED, card__isnull=True).first()
    if payment is None or get_amount_left(payment) != payment.amount:
        raise ChangedMeanwhile(f"{line} : l'un de ces règlements a été annulé ou rendu depuis. Choisissez de nouveau.")
    if LinePayment.objects.filter(payment=payment, released_at__isnull=True).exists():
        raise BadShares(f"{line} : une autre ligne de relevé montre déjà le règlement de {payment}.")
    return payment, False


def _reverse(line: StatementLine, payment_id: int, *, by: User, at: datetime.datetime) -> tuple[Payment, bool]:
    """Return the negative payment that a debit is: a cheque or a transfer that came back unpaid."""
    if line.amount > 0:
        raise BadShares("Une ligne au crédit n'annule aucun règlement : rien n'a été fait.")
    payment = Payment.objects.filter(pk=payment_id).first()
    if payment is None:
        raise BadShares("Ce règlement n'existe pas : rien n'a été fait.")
    reversal = payment_operations.reverse_payment(
        payment_id=payment_id,
        amount=-line.open_amount,
        reason=ReversalReason.UNPAID,
        text=line.payment_reference,
        by=by,
        at=at,
    )
    return reversal, True


def _check_total(line: StatementLine, total: Decimal, rest_reason: str) -> None:
    """Raise `BadShares` unless what is booked makes up what is left of the line, or its rest is set aside."""
    if not total:
        raise BadShares("Choisissez au moins une commande : rien n'a été fait.")
    if abs(total) > abs(line.open_amount):
        raise BadShares(
            f"{line} : vous répartissez {formatting.euros(total)}, la ligne n'en a que "
            f"{formatting.euros(line.open_amount)}."
        )
    if total != line.open_amount and not rest_reason.strip():
        raise BadShares(
            f"{line} : vous répartissez {formatting.euros(total)} sur {formatting.euros(line.open_amount)}. "
            f"Répartissez aussi les {formatting.euros(line.open_amount - total)} qui restent, ou dites pourquoi vous "
            "les mettez de côté."
        )


def _decide(line: StatementLine, *, by: User, at: datetime.datetime) -> StatementLine:
    line.decided_at, line.decided_by = at, by
    line.save(update_fields=["state", "booked_amount", "set_aside_amount", "reason", "decided_at", "decided_by"])
    return line
