"""Correction of the VAT of an invoice that was rejected: a credit note cancels it, and the next one has another VAT."""

from __future__ import annotations

import datetime

from django.db import transaction

from accounts.models import User
from core import formatting
from licensing.billing.models import Invoice
from licensing.billing.operations.corrections import reissue_invoice
from licensing.billing.queries import get_amount_received
from licensing.orders.exceptions import NotInThisState
from licensing.orders.models import Order
from licensing.orders.operations.locks import lock_order
from licensing.orders.operations.vat_correction import apply_correction


@transaction.atomic
def reissue_with_vat(
    *,
    order_id: int,
    treatment: str,
    exemption: str = "",
    vat_number: str = "",
    reason: str,
    by: User,
    at: datetime.datetime,
) -> Invoice:
    """Reissue an order's rejected invoice with the VAT that `correct_vat` would give it; return the new invoice.

    Both happen at once: an order has never another VAT than its invoice. Raises what `correct_vat` and
    `reissue_invoice` do; `NotInThisState` also where nothing would change, or the total would although something was
    paid, or credited in part.
    """
    order = lock_order(order_id)
    rejected = order.invoices.rejected().first()
    if rejected is None:
        raise NotInThisState(f"{order} n'a pas de facture rejetée : après la facture, seul un avoir corrige la TVA.")

    def change(order: Order) -> None:
        before, received = order.total_ttc, get_amount_received(order)
        applied = apply_correction(
            order, treatment=treatment, exemption=exemption, vat_number=vat_number, reason=reason, by=by, at=at
        )
        if not applied:
            raise NotInThisState(f"{order} a déjà cette TVA : refaites sa facture telle quelle.")
        if order.credited and order.total_ttc != before:
            raise NotInThisState(
                f"{formatting.euros(order.credited)} sont repris par un avoir partiel, et le total changerait : annulez"
                " la commande, et passez-en une autre."
            )
        if received > 0 and order.total_ttc != before:
            raise NotInThisState(
                f"{formatting.euros(received)} sont reçus, et le total passerait de {formatting.euros(before)} à"
                f" {formatting.euros(order.total_ttc)} : annulez la commande, et passez-en une autre."
            )

    return reissue_invoice(invoice_id=rejected.pk, reason=reason, by=by, at=at, change=change)
