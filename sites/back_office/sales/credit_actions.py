"""Admin actions that credit an invoiced order in part, or settle what was refunded in the provider's dashboard."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextareaWidget

from accounts.models import User
from core.formatting import euros, number, pluralize
from licensing.billing.queries import get_balance
from licensing.orders import rights
from licensing.orders.models import Order, OrderState
from licensing.payments.credits import credit_in_part, demand_refunded_part, price_licences
from sites.back_office.sales.admin_actions import AdminAction
from sites.back_office.sales.forms import AmountField


class PartialCreditForm(forms.Form):
    """How many licences are taken back, for how much, and why."""

    licences = forms.IntegerField(
        label="Licences à reprendre",
        required=False,
        min_value=0,
        max_value=10**6,
        help_text="Vide\xa0: aucune, le prix seul est réduit.",
        widget=UnfoldAdminIntegerFieldWidget,
    )
    amount = AmountField(
        label="Montant TTC de l'avoir, en euros",
        required=False,
        min_value=0,
        help_text="Vide\xa0: le prix de ces licences, à proportion.",
    )
    reason = forms.CharField(
        label="Motif", max_length=500, widget=UnfoldAdminTextareaWidget, help_text="L'avoir le porte tel quel."
    )


def lacks_credit(order: Order) -> bool:
    """Whether a part of a paid order was refunded in the provider's dashboard, and nothing says why yet."""
    return order.state == OrderState.PAID and get_balance(order) > 0


def _is_creditable(order: Order) -> bool:
    return order.state in (OrderState.CONFIRMED, OrderState.PAID) and not order.invoices.rejected().exists()


def _explain_credit(order: Order, _at: datetime.datetime) -> list[str]:
    line = order.lines.select_related("entitlement__collectivity").get()
    takeable = rights.count_takeable(line)
    invoice = order.invoices.current().get()
    sentences = (
        [f"{euros(get_balance(order))} ont été rendus sur la carte, chez le prestataire : l'avoir dit pourquoi."]
        if lacks_credit(order)
        else []
    )
    sentences += [
        f"La facture {invoice} est de {euros(invoice.total_ttc)} TTC"
        + (f", dont {euros(order.credited)} déjà repris." if order.credited else ".")
    ]
    if line.remaining > 1:
        sentences.append(
            f"Sur {pluralize(line.remaining, 'licence')}, {number(takeable)} au plus peuvent être reprises. Une "
            f"licence vaut {euros(price_licences(line, 1))} TTC, à proportion."
        )
    if order.payments.filter(card__isnull=False).exists() and not lacks_credit(order):
        sentences.append("Ce que la carte a payé au-delà de ce qui reste dû est rendu aussitôt.")
    elif not lacks_credit(order):
        sentences.append("Ce qui est payé au-delà de ce qui reste dû devient un trop-perçu, à rendre ou à reporter.")
    return [*sentences, "Pour tout reprendre, annulez la commande. L'acheteur reçoit l'avoir par e-mail."]


def _credit(
    order: Order, *, licences: int | None, amount: Decimal | None, reason: str, by: User, at: datetime.datetime
) -> str:
    note = credit_in_part(order_id=order.pk, licences=licences or 0, amount=amount, reason=reason, by=by, at=at)
    return f"Avoir {note} établi : {euros(note.total_ttc)}."


def _initial_credit(order: Order, _at: datetime.datetime) -> dict[str, Any]:
    return {"amount": get_balance(order), "reason": "Remboursement sur la carte."}


def _explain_demand(order: Order, _at: datetime.datetime) -> list[str]:
    return [
        f"{euros(get_balance(order))} ont été rendus chez le prestataire, et la commande les doit toujours.",
        "Elle redevient à régler : ses droits courent jusqu'à leur échéance, puis la décision vous revient.",
        "L'acheteur reçoit un e-mail.",
    ]


def _demand(order: Order, *, by: User, at: datetime.datetime) -> str:
    demand_refunded_part(order_id=order.pk, by=by, at=at)
    return f"{euros(get_balance(order))} sont de nouveau à régler ; l'acheteur en reçoit un e-mail."


CREDIT_ACTIONS: tuple[AdminAction[Order], ...] = (
    AdminAction(
        path="etablir-l-avoir",
        label="Établir l'avoir",
        is_available=lambda order: lacks_credit(order) and _is_creditable(order),
        explanation=_explain_credit,
        run=_credit,
        form=PartialCreditForm,
        initial=_initial_credit,
        is_priority=lacks_credit,
    ),
    AdminAction(
        path="reste-du",
        label="Le reste est dû",
        is_available=lacks_credit,
        explanation=_explain_demand,
        run=_demand,
        primary=False,
        is_priority=lacks_credit,
    ),
    AdminAction(
        path="avoir-partiel",
        label="Établir un avoir partiel",
        is_available=lambda order: _is_creditable(order) and not lacks_credit(order),
        explanation=_explain_credit,
        run=_credit,
        form=PartialCreditForm,
        primary=False,
    ),
)
