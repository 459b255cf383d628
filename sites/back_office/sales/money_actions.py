"""Admin actions on an order's money: payments, overpayments, partial credits, and who pays."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

from accounts.models import User
from core.calendar import date_in_paris
from core.formatting import euros
from licensing.billing.queries import get_balance
from licensing.orders import payers
from licensing.orders.exceptions import BadAmount
from licensing.orders.models import Order, OrderState, Payer, PaymentMethod
from licensing.payments import operations as payment_operations
from licensing.payments.queries import get_surplus, list_owed_orders
from sites.back_office.order_states import AWAITING_PURCHASE_ORDER
from sites.back_office.sales.admin_actions import AdminAction
from sites.back_office.sales.forms import ExcessPaymentForm, PaymentRecordForm, SurplusMoveForm, SurplusRefundForm

#: Payers that most likely pay by mandat administratif; the others pay by cheque.
_BY_MANDATE = (Payer.COLLECTIVITY, Payer.TOWN_HALL)

_OWED = (*AWAITING_PURCHASE_ORDER, OrderState.CONFIRMED)


def _explain_payment(order: Order, _at: datetime.datetime) -> list[str]:
    return [
        *_explain_missing_purchase_order(order),
        f"{euros(get_balance(order))} sont attendus pour cette commande.",
        "Une fois tout reçu, elle est réglée et ses droits deviennent fermes.",
        "Ils reprennent s'ils étaient suspendus faute de règlement.",
    ]


def _explain_missing_purchase_order(order: Order) -> list[str]:
    if order.state not in AWAITING_PURCHASE_ORDER:
        return []
    missing = [one.sentence for one in payers.check_order(order).missing]
    return [
        (
            "Son bon de commande signé n'est pas confirmé. Le règlement en tient lieu : la facture est émise, et les"
            " droits reprennent s'ils avaient pris fin."
        ),
        *(["Il manque encore de quoi établir la facture : complétez-le d'abord.", *missing] if missing else []),
    ]


def _record_payment(
    order: Order,
    *,
    method: str,
    amount: Decimal,
    received_on: datetime.date,
    reference: str,
    by: User,
    at: datetime.datetime,
    in_excess: bool = True,
) -> str:
    due = get_balance(order)
    if amount > due and not in_excess:
        raise BadAmount(
            f"Il reste {euros(due)} à régler ; vous avez saisi {euros(amount)}. Si c'est bien ce qui est arrivé, cochez"
            " la case : le trop-perçu sera à rendre."
        )
    payment_operations.record_payment(
        order_id=order.pk, method=method, amount=amount, received_on=received_on, reference=reference, by=by, at=at
    )
    order.refresh_from_db()
    if order.state == OrderState.CONFIRMED:
        return f"{euros(amount)} enregistrés ; {euros(get_balance(order))} restent à régler."
    surplus = get_surplus(order)
    if surplus > 0:
        return f"{euros(amount)} enregistrés ; {euros(surplus)} de trop-perçu, à rendre ou à reporter."
    return f"{euros(amount)} enregistrés : la commande est réglée, ses droits sont fermes."


def _initial_payment(order: Order, at: datetime.datetime) -> dict[str, Any]:
    return {
        "amount": get_balance(order) if order.state in _OWED else None,
        "received_on": date_in_paris(at),
        "method": PaymentMethod.TRANSFER if order.payer in _BY_MANDATE else PaymentMethod.CHEQUE,
    }


def _explain_excess(order: Order, _at: datetime.datetime) -> list[str]:
    return [
        f"{order} n'attend plus de règlement. Ce qui est arrivé tout de même s'inscrit ici, comme trop-perçu.",
        "Il sera à rendre, ou à reporter sur une autre commande du même payeur.",
    ]


def _explain_refund(order: Order, _at: datetime.datetime) -> list[str]:
    surplus = euros(get_surplus(order))
    return [
        f"{surplus} sont arrivés en trop. Rien n'est viré d'ici : faites d'abord partir la somme de votre banque.",
        "Inscrivez-la ensuite ici : l'acheteur reçoit un e-mail.",
    ]


def _give_back(order: Order, *, amount: Decimal, method: str, reference: str, by: User, at: datetime.datetime) -> str:
    payment_operations.give_back_surplus(
        order_id=order.pk, amount=amount, method=method, reference=reference, by=by, at=at
    )
    return f"{euros(amount)} de trop-perçu rendus ; l'acheteur en reçoit un e-mail."


def _explain_move(order: Order, _at: datetime.datetime) -> list[str]:
    return [
        f"{euros(get_surplus(order))} sont arrivés en trop. Ils peuvent régler une autre commande du même payeur.",
        "Deux mouvements s'inscrivent, une sortie ici et une entrée là. L'acheteur reçoit un e-mail.",
    ]


def _list_targets(order: Order) -> list[tuple[int, str]]:
    """Return the orders that the overpayment may pay: id and label."""
    return [
        (one.pk, f"N° {one.pk} – {euros(get_balance(one))} à régler – {one.bill_name}")
        for one in list_owed_orders(order)
    ]


def _initial_move(order: Order, _at: datetime.datetime) -> dict[str, Any]:
    first = list_owed_orders(order).first()
    surplus = get_surplus(order)
    return {
        "targets": _list_targets(order),
        "amount": surplus if first is None else min(surplus, get_balance(first)),
    }


def _move(order: Order, *, target: int, amount: Decimal, by: User, at: datetime.datetime) -> str:
    payment_operations.move_surplus(order_id=order.pk, target_id=target, amount=amount, by=by, at=at)
    return f"{euros(amount)} reportés sur la commande n° {target}."


MONEY_ACTIONS: tuple[AdminAction[Order], ...] = (
    AdminAction(
        path="reglement",
        label="Enregistrer un règlement",
        is_available=lambda order: order.state in _OWED,
        explanation=_explain_payment,
        run=_record_payment,
        form=PaymentRecordForm,
        initial=_initial_payment,
    ),
    AdminAction(
        path="reporter-le-trop-percu",
        label="Reporter le trop-perçu",
        is_available=lambda order: get_surplus(order) > 0 and list_owed_orders(order).exists(),
        explanation=_explain_move,
        run=_move,
        form=SurplusMoveForm,
        initial=_initial_move,
        get_other_orders=lambda typed: (typed["target"],),
    ),
    AdminAction(
        path="rendre-le-trop-percu",
        label="Rendre le trop-perçu",
        is_available=lambda order: get_surplus(order) > 0,
        explanation=_explain_refund,
        run=_give_back,
        form=SurplusRefundForm,
        initial=lambda order, _at: {"amount": get_surplus(order)},
    ),
    AdminAction(
        path="reglement-en-trop",
        label="Enregistrer un règlement en trop",
        is_available=lambda order: (
            order.state in (OrderState.PAID, OrderState.CANCELLED) and order.placed_at is not None
        ),
        explanation=_explain_excess,
        run=_record_payment,
        form=ExcessPaymentForm,
        initial=_initial_payment,
        primary=False,
    ),
)
