"""Correction of an order's VAT by the operator, with its reason, until the invoice is issued."""

from __future__ import annotations

import datetime

from django.db import transaction
from stdnum.eu import vat as eu_vat

from accounts.models import User
from core import formatting
from licensing.orders.exceptions import BadBilling, NoReason, NotInThisState
from licensing.orders.models import Order, OrderLine, OrderState
from licensing.orders.operations import notifications, order_events
from licensing.orders.operations.locks import lock_order
from licensing.orders.operations.order_vat import apply_treatment, find_expected_treatment
from licensing.orders.vat import VatTreatment

#: States of a placed order that has no invoice yet.
VAT_CORRECTABLE = (OrderState.IN_REVIEW, OrderState.PLACED, OrderState.LAPSED)


@transaction.atomic
def correct_vat(
    *,
    order_id: int,
    treatment: str,
    exemption: str = "",
    vat_number: str = "",
    reason: str,
    by: User,
    at: datetime.datetime,
) -> Order:
    """Tax an order otherwise than by its payer's place, or so again; return it.

    `exemption`: what documents state under `VatTreatment.EXEMPT`; `vat_number`: the payer's, for a reverse charge. The
    buyer is told. Idempotent. Raises `NotInThisState`, `NoReason` or `BadBilling`.
    """
    order = lock_order(order_id)
    if order.state not in VAT_CORRECTABLE:
        raise NotInThisState(
            f"{order} : {order.get_state_display().lower()}. La TVA se corrige entre la commande et sa facture ; "
            "après, seul un avoir la corrige."
        )
    if apply_correction(
        order, treatment=treatment, exemption=exemption, vat_number=vat_number, reason=reason, by=by, at=at
    ):
        notifications.notify_buyer(order, notifications.VAT_CORRECTED, at=at)
    return order


def apply_correction(
    order: Order,
    *,
    treatment: str,
    exemption: str,
    vat_number: str,
    reason: str,
    by: User,
    at: datetime.datetime,
) -> bool:
    """Tax a locked order as the operator chose, and record it; return whether anything changed.

    Raises `NoReason` or `BadBilling`.
    """
    if not reason.strip():
        raise NoReason("Dites pourquoi la TVA est corrigée : la commande le garde.")
    chosen = _check_treatment(treatment)
    exemption, vat_number = _check_proof(chosen, exemption, vat_number)
    line = order.lines.order_by("pk")[0]
    if (order.vat_treatment, order.vat_number) == (chosen, vat_number) and exemption in ("", line.vat_reason):
        return False
    before = _describe_vat(order, line)
    order.vat_number = vat_number
    apply_treatment(order, chosen, exemption=exemption)
    # By the place again: nothing is corrected any more.
    order.vat_correction = "" if chosen == find_expected_treatment(order) else reason.strip()
    order.save()
    line.refresh_from_db()
    summary = f"TVA corrigée : {_describe_vat(order, line)}, au lieu de {before} ({reason.strip()})."
    order_events.record(order, "vat_corrected", summary, by=by, at=at)
    return True


def _check_treatment(treatment: str) -> VatTreatment:
    if treatment not in VatTreatment.values:
        raise BadBilling("Choisissez un régime de TVA.", "treatment")
    return VatTreatment(treatment)


def _check_proof(treatment: VatTreatment, exemption: str, vat_number: str) -> tuple[str, str]:
    """Return the mention and the VAT number that the treatment needs, cleaned. Raises `BadBilling`."""
    exemption, vat_number = " ".join(exemption.split()), "".join(vat_number.split()).upper()
    if treatment == VatTreatment.EXEMPT and not exemption:
        raise BadBilling("Écrivez la mention, avec l'article qui exonère : la facture la porte.", "exemption")
    if vat_number and not eu_vat.is_valid(vat_number):
        raise BadBilling(f"« {vat_number} » n'est pas un numéro de TVA intracommunautaire.", "vat_number")
    if treatment == VatTreatment.EU_TAXABLE and not vat_number:
        raise BadBilling("L'autoliquidation demande le numéro de TVA du payeur : la facture le porte.", "vat_number")
    return (exemption if treatment == VatTreatment.EXEMPT else ""), vat_number


def _describe_vat(order: Order, line: OrderLine) -> str:
    return f"{formatting.percent(line.vat_rate)}, {formatting.euros(order.total_ttc)} TTC"
