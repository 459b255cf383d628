"""Confirmation of an order: its signed purchase order was received, and its invoice is issued."""

from __future__ import annotations

import datetime

from django.db import transaction

from accounts.models import User
from core import formatting
from licensing.billing.invoicing import issue_invoice
from licensing.billing.models import Invoice
from licensing.orders import preflight, rights
from licensing.orders.exceptions import IncompleteForInvoice, NotInThisState
from licensing.orders.models import Order, OrderState, ScanState
from licensing.orders.operations import notifications, order_events
from licensing.orders.operations.locks import lock_order


@transaction.atomic
def confirm(*, order_id: int, by: User, at: datetime.datetime, by_payment: bool = False) -> Invoice:
    """Confirm that the signed purchase order was received, by post or as a scan; issue the invoice and return it.

    `by_payment`: it was not, and a payment that has been recorded stands for it. A lapsed order gets its rights back.
    Idempotent. Raises `NotInThisState` or `IncompleteForInvoice`.
    """
    order = lock_order(order_id)
    if order.state == OrderState.CONFIRMED:
        return order.invoices.current().get()
    if order.state not in (OrderState.PLACED, OrderState.LAPSED):
        raise NotInThisState(f"{order} : {order.get_state_display().lower()}. Aucun bon de commande n'est attendu.")
    missing = preflight.check_order(order).missing
    if missing:
        raise IncompleteForInvoice(
            f"La facture ne peut pas encore être émise. {' '.join(one.sentence for one in missing)}"
        )
    scan = order.scans.defer("content").filter(state=ScanState.WAITING).first()
    order.scans.filter(state=ScanState.WAITING).update(state=ScanState.ACCEPTED, decided_at=at, decided_by=by)
    order.state, order.confirmed_at = OrderState.CONFIRMED, at
    if scan is not None:
        order.received_at = scan.received_at
    elif not by_payment:
        order.received_at = at
    order.save(update_fields=["state", "confirmed_at", "received_at"])
    invoice = issue_invoice(order, at=at)
    was_suspended = rights.is_suspended(order, at=at)
    rights.await_payment(order, until=get_rights_end(order, invoice))
    # A suspension by the operator stays in force.
    resumed = was_suspended and not rights.is_suspended(order, at=at)
    order_events.record(
        order,
        "confirmed",
        f"{'règlement' if by_payment else 'bon de commande'} reçu, facture {invoice.number} émise"
        f" ({formatting.euros(invoice.total_ttc)}).",
        by=by,
        at=at,
    )
    notifications.notify_buyer(order, notifications.INVOICED, at=at, invoice=invoice.pk, resumed=resumed)
    return invoice


def get_rights_end(order: Order, invoice: Invoice) -> datetime.date:
    """Return the last day of rights for an unpaid invoice; after it the operator decides.

    Never shortens rights that the operator prolonged.
    """
    days = (rights.get_entitlement(order).temporary_until, order.prolonged_until)
    until = rights.get_provisional_end(order, invoice.issued_on)
    return max([until, *(day for day in days if day is not None)])
