"""Corrections by the operator: cancel an order with its invoice, reissue an invoice after a rejection."""

from __future__ import annotations

import datetime
from collections.abc import Callable

from django.db import transaction

from accounts.models import User
from core import formatting
from licensing.billing.invoicing import issue_credit_note, issue_invoice, issue_partial_credit_note
from licensing.billing.models import PAYING_STATES, Invoice, InvoiceKind
from licensing.billing.operations.confirmation import get_rights_end
from licensing.billing.queries import get_amount_received
from licensing.orders import preflight, rights
from licensing.orders.exceptions import IncompleteForInvoice, NoReason, NotInThisState
from licensing.orders.models import Order, OrderKind, OrderLine, OrderState, ScanState
from licensing.orders.operations import notifications, order_events
from licensing.orders.operations.locks import lock_order


@transaction.atomic
def cancel(
    *,
    order_id: int,
    reason: str,
    by: User | None,
    at: datetime.datetime,
    notification: str = notifications.CANCELLED,
) -> Order:
    """Cancel an order: issue a credit note if it was invoiced, withdraw its rights; return it. Nothing is deleted.

    `by` is None when the card provider refunded it. `notification`: the kind of the buyer's e-mail. Payments are
    refunded separately. Idempotent. Raises `NoReason` or `NotInThisState`.
    """
    reason = reason.strip()
    if not reason:
        raise NoReason("Dites pourquoi cette commande est annulée : l'acheteur le lira, et les livres le gardent.")
    order = lock_order(order_id)
    if order.state == OrderState.CANCELLED:
        return order
    if order.kind == OrderKind.GRANT:
        raise NotInThisState("Une dotation ne s'annule pas : suspendez-la.")
    invoice = order.invoices.current().first()
    credit = issue_credit_note(invoice, at=at, reason=reason) if invoice is not None else None
    if OrderLine.objects.filter(order=order, entitlement__isnull=False).exists():
        rights.withdraw(order, at=at)
    order.scans.filter(state=ScanState.WAITING).update(
        state=ScanState.REFUSED, reason="Commande annulée.", decided_at=at, decided_by=by
    )
    order.state, order.cancelled_at, order.cancellation_reason = OrderState.CANCELLED, at, reason
    order.save(update_fields=["state", "cancelled_at", "cancellation_reason"])
    summary = f"annulée ({reason})" + (f" ; avoir {credit.number} émis." if credit is not None else ".")
    order_events.record(order, "cancelled", summary, by=by, at=at)
    if order.placed_at is not None:
        notifications.notify_buyer(order, notification, at=at)
    return order


@transaction.atomic
def reissue_invoice(
    *,
    invoice_id: int,
    reason: str,
    by: User,
    at: datetime.datetime,
    change: Callable[[Order], None] | None = None,
) -> Invoice:
    """Cancel an invoice rejected by a platform or its addressee, issue another under a new number; return it.

    Its partial credit notes are issued anew on the other, to the cent. `change`: what is done to the order between
    both, while no invoice of it counts.

    Raises `NoReason`, `NotInThisState` or `IncompleteForInvoice`.
    """
    reason = reason.strip()
    if not reason:
        raise NoReason("Dites pourquoi la facture est refaite : l'avoir le porte.")
    order = lock_order(Invoice.objects.values_list("order_id", flat=True).get(pk=invoice_id))
    invoice = Invoice.objects.get(pk=invoice_id)
    if invoice.kind != InvoiceKind.INVOICE or invoice.get_cancelling_note() is not None:
        raise NotInThisState(f"{invoice} est déjà annulée par un avoir.")
    if order.state not in (OrderState.CONFIRMED, OrderState.PAID):
        raise NotInThisState(f"{order} : {order.get_state_display().lower()}. Sa facture ne se refait pas.")
    _check_not_being_paid(order, invoice)
    missing = preflight.check_order(order).missing
    if missing:
        raise IncompleteForInvoice(" ".join(one.sentence for one in missing))
    credit = issue_credit_note(invoice, at=at, reason=reason, replaced=True)
    if change is not None:
        change(order)
    issued = issue_invoice(order, at=at)
    for note in invoice.credit_notes.filter(is_partial=True).order_by("pk"):
        issue_partial_credit_note(
            issued,
            ttc=note.total_ttc,
            licences=note.snapshot["corrects"]["licences"],
            reason=note.snapshot["corrects"]["reason"],
            # An invoice that states what was paid in all gives the part back.
            goes_back=bool(issued.snapshot["paid_on"]),
            at=at,
        )
    if order.state == OrderState.CONFIRMED:
        rights.await_payment(order, until=get_rights_end(order, issued))
    order_events.record(
        order,
        "reinvoiced",
        f"facture {invoice.number} annulée par l'avoir {credit.number}, refaite sous le numéro {issued.number}.",
        by=by,
        at=at,
    )
    notifications.notify_buyer(order, notifications.INVOICED, at=at, invoice=issued.pk)
    return issued


def _check_not_being_paid(order: Order, invoice: Invoice) -> None:
    """Raise `NotInThisState` where the payer pays this invoice, or has paid a part of it: under its number."""
    last = invoice.get_latest_status()
    if last is not None and last.state in PAYING_STATES:
        raise NotInThisState(
            f"{invoice} est « {last.get_state_display().lower()} » : elle ne se refait pas. Si cet état est faux, "
            "reprenez-le d'abord."
        )
    received = get_amount_received(order)
    if 0 < received < order.owed:
        raise NotInThisState(
            f"{formatting.euros(received)} sont déjà reçus sous le numéro {invoice} : elle ne se refait pas avant "
            "d'être entièrement réglée."
        )
