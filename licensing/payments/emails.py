"""E-mails to the buyer about invoices and payments. Rendered at sending time, from current rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core import formatting
from licensing.billing.models import Invoice, InvoiceKind
from licensing.entitlements.wording import format_long_date
from licensing.orders import preflight
from licensing.orders.email_parts import (
    build_email,
    describe_licences,
    describe_order,
    describe_reference,
    get_order,
    get_reply_to,
    is_paid_by_buyer,
)
from licensing.orders.models import Order, OrderState, SettlementMethod
from licensing.orders.operations import notifications
from licensing.orders.rights import get_entitlement
from licensing.payments.models import Payment, PaymentMethod
from licensing.payments.operations import get_amount_received, get_balance
from mailing import kinds
from mailing.kinds import NoLongerDue, RenderedEmail

if TYPE_CHECKING:
    from mailing.models import Message

#: How a refund is paid, as shown to the buyer.
_REFUND_MEANS = {
    PaymentMethod.CARD: "sur la carte qui avait payé ; votre banque l'affiche d'ordinaire sous quelques jours",
    PaymentMethod.CHEQUE: "en retour de votre chèque",
    PaymentMethod.TRANSFER: "par virement, au compte qui avait payé",
}


def render_invoiced(message: Message) -> RenderedEmail:
    """Render the e-mail that links to the invoice: who pays it, how, and how long rights run meanwhile."""
    order = get_order(message, OrderState.CONFIRMED, OrderState.PAID)
    invoice = Invoice.objects.get(pk=message.context["invoice"])
    if Invoice.objects.filter(corrects=invoice).exists():
        raise NoLongerDue("La facture a été annulée par un avoir avant l'envoi.")
    replaced = order.invoices.filter(kind=InvoiceKind.INVOICE, credit__isnull=False).select_related("credit").last()
    return build_email(
        message,
        order,
        subject=f"{order} : facture {invoice.number}",
        paragraphs=[
            (
                f"Votre bon de commande nous est parvenu. La facture {invoice.number} est établie :"
                f" {describe_order(order)}."
                if replaced is None
                else (
                    f"La facture {invoice.number} remplace la facture {replaced.number}, annulée par l'avoir "
                    f"{replaced.credit.number} : {describe_order(order)}."
                )
            ),
            *_payment_paragraphs(order, invoice),
            *(
                ["Vos licences, qui étaient en pause, ont repris où elles en étaient."]
                if message.context.get("resumed")
                else []
            ),
        ],
        button="Télécharger la facture",
    )


def render_paid(message: Message) -> RenderedEmail:
    """Render the e-mail that confirms full payment and firm rights."""
    order = get_order(message, OrderState.PAID)
    last_day = format_long_date(get_entitlement(order).last_day)
    invoice = order.invoices.filter(kind=InvoiceKind.INVOICE, credit__isnull=True).first()
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


def render_cancelled(message: Message) -> RenderedEmail:
    """Render the e-mail on a cancelled order: reason, credit note, amount to be refunded."""
    order = get_order(message, OrderState.CANCELLED)
    credit = order.invoices.filter(kind=InvoiceKind.CREDIT_NOTE).select_related("corrects").last()
    refund = get_amount_received(order)
    return build_email(
        message,
        order,
        subject=f"{order} : annulée",
        paragraphs=[
            f"Votre commande est annulée. Motif : {order.cancellation_reason}",
            "Les licences qu'elle avait ouvertes ne donnent plus de droits.",
            *([f"L'avoir {credit.number} annule la facture {credit.corrects}."] if credit else []),
            (
                f"Les {formatting.euros(refund)} que nous avons reçus vous seront remboursés."
                if refund > 0
                else "Vous n'avez rien à payer."
            ),
            f"Ce n'est pas ce que vous attendiez ? Écrivez-nous à {get_reply_to()}.",
        ],
        button="Ouvrir la commande",
        notes=[describe_reference(order)],
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


def _payment_paragraphs(order: Order, invoice: Invoice) -> list[str]:
    """Return paragraphs on who pays an invoice and how, or that it is paid."""
    if order.state == OrderState.PAID:
        return ["Elle est déjà réglée : vous n'avez rien à payer, et vos droits ne changent pas."]
    due, entitlement = formatting.euros(get_balance(order)), get_entitlement(order)
    until = f"jusqu'au {format_long_date(entitlement.last_day)} inclus"
    body = preflight.check_order(order).body
    instructions = (
        f"Nous la déposons sur Chorus Pro, au nom de « {order.bill_name} »."
        if order.siret and preflight.is_public_buyer(payer=order.payer, school=order.school, body=body)
        else (
            "Réglez-la par virement ou par chèque : elle porte nos coordonnées bancaires."
            if is_paid_by_buyer(order)
            else f"Transmettez-la à « {order.bill_name} », qui la règle : elle porte nos coordonnées bancaires."
        )
    )
    return [
        f"{instructions} {due} sont à régler au plus tard le {format_long_date(invoice.due_on)}.",
        (
            "Dans l'attente du règlement, vos droits temporaires courent jusqu'au"
            f" {format_long_date(entitlement.unpaid_until)} inclus ; ils deviennent définitifs, {until}, dès qu'il nous"
            " parvient."
            if entitlement.unpaid_until and entitlement.suspended_at is None
            else f"Vos droits deviennent définitifs, {until}, dès que le règlement nous parvient."
        ),
    ]


kinds.register(notifications.INVOICED, label="Facture établie", render=render_invoiced)
kinds.register(notifications.PAID, label="Commande réglée", render=render_paid)
kinds.register(notifications.CANCELLED, label="Commande annulée", render=render_cancelled)
kinds.register(notifications.REFUNDED, label="Remboursement", render=render_refunded)
