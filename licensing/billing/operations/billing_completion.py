"""Completion and correction of what an invoice says of its payer, until it is issued or after it was rejected."""

from __future__ import annotations

import datetime

from django.db import transaction

from accounts.models import User
from licensing.orders.exceptions import BadBilling, NotInThisState
from licensing.orders.models import Order, OrderState
from licensing.orders.operations import notifications, order_events
from licensing.orders.operations.billing_details import (
    BILLING_COLUMNS,
    BillingDetails,
    read_billing_details,
    set_billing_details,
    set_invoice_references,
)
from licensing.orders.operations.locks import lock_order
from licensing.orders.operations.order_vat import apply_vat_of_payer, find_expected_treatment

#: States of a placed order that has no invoice yet.
_NOT_INVOICED = (OrderState.IN_REVIEW, OrderState.PLACED, OrderState.LAPSED)


def is_correctable(order: Order) -> bool:
    """Return whether what the next invoice says can change: none is issued yet, or the current one was rejected."""
    return order.state in _NOT_INVOICED or order.invoices.rejected().exists()


@transaction.atomic
def complete_billing_details(
    *,
    order_id: int,
    siret: str,
    service_code: str,
    engagement_number: str,
    siren: str | None = None,
    by: User,
    at: datetime.datetime,
) -> Order:
    """Complete the references an invoice needs, before it is issued or after a rejection; return the order.

    `siren`: of a business without a SIRET; None to leave it as it is. Raises `NotInThisState` or `BadBilling`.
    """
    order = lock_order(order_id)
    if order.state != OrderState.DRAFT:
        _check_correctable(order)
    columns = ("siret", "siren", "service_code", "engagement_number")
    before = [getattr(order, column) for column in columns]
    set_invoice_references(
        order, siret=siret, siren=siren, service_code=service_code, engagement_number=engagement_number
    )
    if before == [getattr(order, column) for column in columns]:
        return order
    order.save(update_fields=columns)
    order_events.record(order, "completed", "informations de facturation complétées.", by=by, at=at)
    return order


@transaction.atomic
def correct_billing_details(*, order_id: int, billing: BillingDetails, by: User, at: datetime.datetime) -> Order:
    """Correct who pays a placed order, before its invoice or after it was rejected; return the order.

    Documents stay as issued: the quote is not made anew, and the purchase order gets another rank. The VAT follows the
    new place. Notifies the buyer when another person corrects. Idempotent. Raises `NotInThisState` or `BadBilling`.
    """
    order = lock_order(order_id)
    _check_correctable(order)
    before = read_billing_details(order)
    set_billing_details(order, billing)
    after = read_billing_details(order)
    changed = [column for column in BILLING_COLUMNS if before[column] != after[column]]
    if not changed:
        return order
    treatment = order.vat_treatment
    _tax_by_new_place(order)
    order.save(update_fields=[*changed, "vat_treatment", "total_ht", "total_vat", "total_ttc"])
    # Without the values: an account that is closed later must not leave its address here.
    labels = ", ".join(str(Order._meta.get_field(column).verbose_name) for column in changed)  # type: ignore[union-attr]  # noqa: SLF001 - documented
    vat = "" if order.vat_treatment == treatment else f" ; TVA : {order.get_vat_treatment_display()}"
    order_events.record(order, "corrected", f"informations de facturation corrigées : {labels}{vat}.", by=by, at=at)
    if by != order.placed_by:
        notifications.notify_buyer(order, notifications.CORRECTED, at=at)
    return order


def _tax_by_new_place(order: Order) -> None:
    """Tax an order by its payer's place, unless the operator chose otherwise; never otherwise than it was invoiced."""
    if order.vat_correction:
        return
    if order.invoices.exists() and find_expected_treatment(order) != order.vat_treatment:
        raise BadBilling(
            "Cette adresse changerait la TVA d'une commande déjà facturée : annulez-la, et passez-en une autre.",
            "postal_code",
        )
    apply_vat_of_payer(order)


def _check_correctable(order: Order) -> None:
    if order.state == OrderState.CANCELLED:
        raise NotInThisState("Cette commande est annulée : il n'y a plus rien à facturer.")
    if not is_correctable(order):
        raise NotInThisState("La facture est émise : ce qu'elle dit ne change plus. Écrivez-nous s'il faut la refaire.")
