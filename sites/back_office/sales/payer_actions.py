"""Admin actions on who pays an order: complete the references of the invoice, correct its name and address."""

from __future__ import annotations

import datetime
from dataclasses import asdict

from accounts.models import User
from licensing.billing import operations as billing_operations
from licensing.orders import billing_details, payers
from licensing.orders.models import Order
from sites.back_office.order_states import AWAITING_PURCHASE_ORDER
from sites.back_office.sales.admin_actions import AdminAction
from sites.back_office.sales.forms import BillingReferencesForm, PayerCorrectionForm


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
