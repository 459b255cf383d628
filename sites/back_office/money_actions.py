"""Admin actions on an order's money: payments, overpayments, partial credits, and who pays."""

from __future__ import annotations

import datetime
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextareaWidget

from accounts.models import User
from core.calendar import date_in_paris
from core.formatting import euros, number, pluralize
from licensing.billing import operations as billing_operations
from licensing.billing.queries import get_balance
from licensing.orders import billing_details, payers, rights
from licensing.orders.exceptions import BadAmount
from licensing.orders.models import Order, OrderState, Payer
from licensing.orders.settlement import PaymentMethod
from licensing.payments import operations as payment_operations
from licensing.payments.credits import credit_in_part, demand_refunded_part, price_licences
from licensing.payments.queries import get_surplus, list_owed_orders
from sites.back_office.forms import (
    AmountField,
    BillingReferencesForm,
    ExcessPaymentForm,
    PayerCorrectionForm,
    PaymentRecordForm,
    SurplusMoveForm,
    SurplusRefundForm,
)
from sites.back_office.model_admins import AdminAction
from sites.back_office.order_status import AWAITING_PURCHASE_ORDER


def describe_unknown_payer(order: Order) -> str:
    """Return which references a public payer may ask and the order has not, in a sentence."""
    references = {"code service": order.service_code, "numéro d'engagement": order.engagement_number}
    lacking = [name for name, value in references.items() if not value]
    if len(lacking) == 1:
        what = f"Le {lacking[0]} manque, et ce payeur public peut le demander."
    else:
        what = f"Le {' et le '.join(lacking)} manquent, et ce payeur public peut les demander."
    return f"{what} Voyez le bon signé : la facture ne changera plus."


def _complete(
    order: Order, *, siret: str, siren: str, service_code: str, engagement_number: str, by: User, at: datetime.datetime
) -> str:
    billing_operations.complete_billing_details(
        order_id=order.pk,
        siret=siret,
        siren=siren,
        service_code=service_code,
        engagement_number=engagement_number,
        by=by,
        at=at,
    )
    return "Références enregistrées : la facture les portera."


def _explain_missing_references(order: Order, _at: datetime.datetime) -> list[str]:
    checked = payers.check_order(order)
    sentences = [one.sentence for one in checked.missing] or [
        "Rien ne manque, d'après ce que nous savons de ce payeur."
    ]
    return [*sentences, describe_unknown_payer(order)] if checked.note else sentences


def _correct(order: Order, *, by: User, at: datetime.datetime, **details: str) -> str:
    billing_operations.correct_billing_details(
        order_id=order.pk, billing=billing_details.BillingDetails(**details), by=by, at=at
    )
    return "Facturation corrigée : la facture la portera."


def _explain_correction(order: Order, _at: datetime.datetime) -> list[str]:
    rejected = order.invoices.rejected().first()
    return [
        (
            "La facture le dira ainsi, une fois émise."
            if rejected is None
            else f"{rejected} reste telle qu'elle est : refaites-la ensuite sous un nouveau numéro, depuis sa fiche."
        ),
        "Le devis et le bon de commande déjà établis restent tels quels. L'acheteur reçoit un e-mail.",
    ]


PAYER_ACTIONS: tuple[AdminAction[Order], ...] = (
    AdminAction(
        path="completer",
        label="Compléter les références du payeur",
        is_available=lambda order: order.state in AWAITING_PURCHASE_ORDER or order.invoices.rejected().exists(),
        is_priority=lambda order: bool(payers.check_order(order).missing) or order.invoices.rejected().exists(),
        explanation=_explain_missing_references,
        run=_complete,
        form=BillingReferencesForm,
        initial=lambda order, _at: {
            "siret": order.siret,
            "siren": order.siren,
            "service_code": order.service_code,
            "engagement_number": order.engagement_number,
        },
    ),
    AdminAction(
        path="corriger-le-payeur",
        label="Corriger le nom et l'adresse du payeur",
        is_available=billing_operations.is_correctable,
        explanation=_explain_correction,
        run=_correct,
        form=PayerCorrectionForm,
        initial=lambda order, _at: asdict(billing_details.prefill_billing_details(order)),
        primary=False,
    ),
)


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
