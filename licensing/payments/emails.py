"""E-mails to the buyer about payments and refunds. Rendered at sending time, from current rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core import formatting
from licensing.entitlements.wording import format_long_date
from licensing.orders.email_parts import (
    build_email,
    describe_licences,
    describe_order,
    describe_reference,
    get_order,
)
from licensing.orders.models import OrderState, PaymentMethod, SettlementMethod
from licensing.orders.operations import notifications
from licensing.orders.rights import get_entitlement
from licensing.payments.models import Payment
from mailing import kinds

if TYPE_CHECKING:
    from mailing.kinds import RenderedEmail
    from mailing.models import Message

#: How a refund is paid, as shown to the buyer.
_REFUND_MEANS = {
    PaymentMethod.CARD: "sur la carte qui avait payé ; votre banque l'affiche d'ordinaire sous quelques jours",
    PaymentMethod.CHEQUE: "en retour de votre chèque",
    PaymentMethod.TRANSFER: "par virement, au compte qui avait payé",
}


def render_paid(message: Message) -> RenderedEmail:
    """Render the e-mail that confirms full payment and firm rights."""
    order = get_order(message, OrderState.PAID)
    last_day = format_long_date(get_entitlement(order).last_day)
    invoice = order.invoices.current().first()
    return build_email(
        message,
        order,
        subject=f"{order} : bien réglée, vos droits sont définitifs jusqu'au {last_day}",
        paragraphs=[
            f"Votre règlement nous est parvenu : {describe_order(order)}.",
            (f"{describe_licences(order)} " if order.method == SettlementMethod.CARD else "")
            + f"Vos droits sont définitifs, jusqu'au {last_day} inclus."
            + (" Ce qui était en pause a repris où il en était." if message.context.get("resumed") else ""),
            *([f"La facture {invoice.number} se télécharge sur la page de la commande."] if invoice else []),
        ],
        button="Ouvrir la commande",
    )


def render_refunded(message: Message) -> RenderedEmail:
    """Render the e-mail on a refund: amount, means, order."""
    order = get_order(message)
    refund = Payment.objects.get(pk=message.context["payment"])
    return build_email(
        message,
        order,
        subject=f"{order} : {formatting.euros(-refund.amount)} remboursés",
        paragraphs=[
            f"Nous vous remboursons {formatting.euros(-refund.amount)}, {_REFUND_MEANS[PaymentMethod(refund.method)]}.",
            (
                "La commande est annulée."
                if order.state == OrderState.CANCELLED
                else "C'était plus que le prix de la commande : elle reste réglée, et vos droits définitifs."
            ),
            *([f"Référence : {refund.reference}."] if refund.reference else []),
        ],
        button="Ouvrir la commande",
        notes=[describe_reference(order)],
    )


kinds.register(notifications.PAID, label="Commande réglée", render=render_paid)
kinds.register(notifications.REFUNDED, label="Remboursement", render=render_refunded)
