"""E-mails to the buyer about payments and refunds: what their templates say beside the order."""

from typing import Any

from licensing.books.billing.models import InvoiceKind
from licensing.books.billing.queries import get_amount_received, get_balance
from licensing.orders import order_events
from licensing.orders.emails import OrderEmail, get_today, register_order_emails
from licensing.orders.models import ZERO, Order, OrderState
from licensing.orders.queries import get_refund_deadline
from licensing.orders.rights import get_entitlement
from licensing.orders.settlement import PaymentMethod
from licensing.payments.models import Payment, PaymentKind
from mailing.models import Message


def _read_paid(message: Message, order: Order) -> dict[str, Any]:
    return {
        "invoice": order.invoices.current().first(),
        # The e-mail is then the confirmation of the order, which nothing confirmed before.
        "is_by_card": not order.has_purchase_order,
        "has_resumed": message.context.get("resumed"),
    }


def _read_withdrawn(_message: Message, order: Order) -> dict[str, Any]:
    withdrawal = order.contract_withdrawal
    by_card = order.payments.filter(kind=PaymentKind.REFUNDED, card__isnull=False, recorded_at=withdrawal.at)
    notes = order.invoices.filter(kind=InvoiceKind.CREDIT_NOTE, is_partial=False)
    return {
        "withdrawal": withdrawal,
        "credit": notes.select_related("corrects").last(),
        "refunded_by": PaymentMethod.CARD.rules.refunded,
        "given_back": sum((-one.amount for one in by_card), ZERO),
        "owed": get_amount_received(order),
        "refund_deadline": get_refund_deadline(withdrawal.at),
    }


def _read_refund(message: Message, order: Order) -> dict[str, Any]:
    refund = Payment.objects.get(pk=message.context["payment"])
    refunded_by = PaymentMethod(refund.method).rules.refunded
    return {"refund": refund, "refunded_by": refunded_by, "amount": -refund.amount, "balance": get_balance(order)}


def _read_owed(_message: Message, order: Order) -> dict[str, Any]:
    return {
        "balance": get_balance(order),
        "invoice": order.invoices.current().get(),
        "is_suspended": get_entitlement(order).suspended_on(get_today()),
    }


def _read_reversal(message: Message, order: Order) -> dict[str, Any]:
    reversal = Payment.objects.get(pk=message.context["payment"])
    returned = PaymentMethod(reversal.method).rules.returned
    return {**_read_owed(message, order), "reversal": reversal, "amount": -reversal.amount, "returned": returned}


def _read_moved(message: Message, _order: Order) -> dict[str, Any]:
    moved = Payment.objects.filter(pk__in=message.context["payments"])
    return {
        "target": Order.objects.get(pk=message.context["target"]),
        "amount": sum((one.amount for one in moved), ZERO),
    }


register_order_emails(
    "payments",
    {
        order_events.SURPLUS_MOVED: OrderEmail("Trop-perçu reporté", read=_read_moved),
        order_events.PAYMENT_REVERSED: OrderEmail("Règlement impayé", (OrderState.CONFIRMED,), _read_reversal),
        order_events.OWED_AGAIN: OrderEmail("Reste à régler", (OrderState.CONFIRMED,), _read_owed),
        order_events.WITHDRAWN: OrderEmail("Renonciation au contrat", (OrderState.CANCELLED,), _read_withdrawn),
        order_events.PAID: OrderEmail("Commande réglée", (OrderState.PAID,), _read_paid, confirms=True),
        order_events.REFUNDED: OrderEmail("Remboursement", read=_read_refund),
    },
)
