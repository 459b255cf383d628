"""Completion of the references an invoice needs, until it is issued or after it was rejected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from licensing.orders.exceptions import NotInThisState
from licensing.orders.models import Order, OrderState
from licensing.orders.operations import order_events
from licensing.orders.operations.billing_details import set_invoice_references
from licensing.orders.operations.locks import lock_order

if TYPE_CHECKING:
    import datetime

    from accounts.models import User


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
    if (
        order.state not in (OrderState.DRAFT, OrderState.IN_REVIEW, OrderState.PLACED, OrderState.LAPSED)
        and not order.invoices.rejected().exists()
    ):
        raise NotInThisState("La facture est émise : ce qu'elle dit ne change plus. Écrivez-nous s'il faut la refaire.")
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
