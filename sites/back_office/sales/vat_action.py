"""The admin action that corrects an order's VAT, with its form and the explanation of its page."""

from __future__ import annotations

import datetime
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.models import User
from core.formatting import euros, percent
from licensing.billing import operations as billing_operations
from licensing.orders import billing_details
from licensing.orders.billing_details import VAT_CORRECTABLE, find_expected_treatment
from licensing.orders.models import Order, OrderKind, OrderLine
from licensing.orders.vat import VatTreatment
from sites.back_office.sales.admin_actions import AdminAction
from sites.back_office.sales.order_status import get_waiting_scan


class VatCorrectionForm(forms.Form):
    """How an order is to be taxed, and why."""

    treatment = forms.ChoiceField(label="Régime de TVA", choices=VatTreatment, widget=UnfoldAdminSelectWidget)
    exemption = forms.CharField(
        label="Mention de l'exonération",
        required=False,
        max_length=OrderLine._meta.get_field("vat_reason").max_length,  # noqa: SLF001 - documented API
        help_text="Pour une exonération sur justificatif seulement, avec l'article qui la donne. Toutes les pièces la "
        "portent.",
        widget=UnfoldAdminTextInputWidget,
    )
    vat_number = forms.CharField(
        label="Numéro de TVA du payeur",
        required=False,
        max_length=25,
        help_text="Obligatoire pour un assujetti d'un autre État de l'Union\xa0; vérifiez-le sur VIES.",
        widget=UnfoldAdminTextInputWidget,
    )
    reason = forms.CharField(
        label="Motif",
        max_length=500,
        help_text="Il reste inscrit à la commande, que l'acheteur peut lire.",
        widget=UnfoldAdminTextInputWidget,
    )


def describe_vat(order: Order) -> list[str]:
    """Return how a sale is taxed, and why otherwise than by its payer's place; nothing for a grant."""
    line = order.lines.order_by("pk").first()
    if order.kind == OrderKind.GRANT or line is None or not order.vat_treatment:
        return []
    sentence = f"TVA : {percent(line.vat_rate)} ({order.get_vat_treatment_display()})."
    mention = f" Mention : « {line.vat_reason} »" if line.vat_reason else ""
    correction = [f"Corrigée à la main. Motif : {order.vat_correction}"] if order.vat_correction else []
    return [sentence + mention, *correction]


def _explain_vat_correction(order: Order, _at: datetime.datetime) -> list[str]:
    expected = find_expected_treatment(order)
    place = f"{order.bill_postal_code} {order.bill_city}, {order.bill_country}"
    rejected = order.invoices.rejected().first()
    sentences = [
        *describe_vat(order),
        f"L'adresse de facturation ({place}) donne : {expected.label}.",
        "Une école paie le même TTC quel que soit le taux ; une collectivité paie le même HT.",
        "Le bon de commande est établi de nouveau, et l'acheteur reçoit un e-mail."
        if rejected is None
        else f"Un avoir annule {rejected}, et une facture est émise avec cette TVA ; l'acheteur la reçoit.",
    ]
    if get_waiting_scan(order) is not None:
        sentences.append("Un bon de commande signé est déjà déposé : il porte l'ancien montant.")
    return sentences


def _correct_vat(
    order: Order,
    *,
    treatment: str,
    exemption: str,
    vat_number: str,
    reason: str,
    by: User,
    at: datetime.datetime,
) -> str:
    given: dict[str, Any] = {
        "order_id": order.pk,
        "treatment": treatment,
        "exemption": exemption,
        "vat_number": vat_number,
        "reason": reason,
        "by": by,
        "at": at,
    }
    if order.invoices.rejected().exists():
        issued = billing_operations.reissue_with_vat(**given)
        return f"Facture {issued} émise avec cette TVA : {euros(issued.total_ht)} HT, {euros(issued.total_ttc)} TTC."
    corrected = billing_details.correct_vat(**given)
    return f"TVA enregistrée : la commande est de {euros(corrected.total_ht)} HT, {euros(corrected.total_ttc)} TTC."


VAT_CORRECTION = AdminAction[Order](
    path="tva",
    label="Corriger la TVA",
    is_available=lambda order: (
        order.kind != OrderKind.GRANT and (order.state in VAT_CORRECTABLE or order.invoices.rejected().exists())
    ),
    explanation=_explain_vat_correction,
    run=_correct_vat,
    form=VatCorrectionForm,
    initial=lambda order, _at: {"treatment": order.vat_treatment, "vat_number": order.vat_number},
    primary=False,
)
