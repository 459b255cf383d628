"""E-mails to the buyer about invoices, credit notes and suspension: what their templates say beside the order."""

from typing import Any

from licensing.books.billing.models import Invoice, InvoiceKind
from licensing.books.billing.queries import get_amount_received, get_balance
from licensing.orders import order_events
from licensing.orders.emails import OrderEmail, get_today, register_order_emails
from licensing.orders.models import Order, OrderState
from licensing.orders.payers import BuyerKind
from licensing.orders.rights import get_entitlement
from licensing.orders.settlement import PaymentMethod
from mailing.kinds import NoLongerDue
from mailing.models import Message


def _read_invoiced(message: Message, order: Order) -> dict[str, Any]:
    invoice = Invoice.objects.get(pk=message.context["invoice"])
    if invoice.get_cancelling_note() is not None:
        raise NoLongerDue("La facture a été annulée par un avoir avant l'envoi.")
    return {
        "invoice": invoice,
        "replacing": _get_cancelling_note(order),
        "is_deposited": invoice.buyer_kind == BuyerKind.PUBLIC and order.siret,
        "balance": get_balance(order),
        "has_resumed": message.context.get("resumed"),
    }


def _read_cancelled(_message: Message, order: Order) -> dict[str, Any]:
    return {"credit": _get_cancelling_note(order), "refund": get_amount_received(order)}


def _get_cancelling_note(order: Order) -> Invoice | None:
    """Return the last credit note that cancels an invoice of the order."""
    notes = order.invoices.filter(kind=InvoiceKind.CREDIT_NOTE, is_partial=False)
    return notes.select_related("corrects").order_by("pk").last()


def _read_credited(message: Message, order: Order) -> dict[str, Any]:
    note = Invoice.objects.select_related("corrects").get(pk=message.context["invoice"])
    corrected, balance = note.snapshot["corrects"], get_balance(order)
    # What a credit note leaves paid in excess: by card it is on its way already.
    is_settled = balance >= 0 or corrected["refund_by"] == PaymentMethod.CARD
    return {
        "note": note,
        "corrected": corrected,
        "balance": balance,
        "surplus": None if is_settled else -balance,
    }


def _check_corrected(_message: Message, order: Order) -> dict[str, Any]:
    if order.state == OrderState.CANCELLED:
        raise NoLongerDue("La commande a été annulée avant l'envoi.")
    return {}


def _read_suspended(_message: Message, order: Order) -> dict[str, Any]:
    entitlement = get_entitlement(order)
    if entitlement.suspended_at is None:
        raise NoLongerDue("Les licences ont été rétablies avant l'envoi.")
    is_unpaid = order.state == OrderState.CONFIRMED and entitlement.resumes_when_paid
    is_overdue = is_unpaid and entitlement.unpaid_until is not None and entitlement.unpaid_until < get_today()
    return {"is_unpaid": is_unpaid, "overdue": order.invoices.current().get() if is_overdue else None}


_INVOICED = (OrderState.CONFIRMED, OrderState.PAID)

register_order_emails(
    "billing",
    {
        order_events.INVOICED: OrderEmail("Facture établie", _INVOICED, _read_invoiced),
        order_events.CREDITED: OrderEmail("Avoir établi", _INVOICED, _read_credited),
        order_events.CANCELLED: OrderEmail("Commande annulée", (OrderState.CANCELLED,), _read_cancelled),
        order_events.CORRECTED: OrderEmail("Facturation corrigée", read=_check_corrected),
        order_events.SUSPENDED: OrderEmail("Licences suspendues", (OrderState.PLACED, *_INVOICED), _read_suspended),
    },
)
