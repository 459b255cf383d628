"""E-mails to the buyer about invoices and payments. Rendered at sending time, from current rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licensing.orders import preflight
from licensing.orders.letters import letter_about, order_of, pays_himself, reference, reply_to, source_of, what, where
from licensing.orders.models import Invoice, InvoiceKind, Method, Order, OrderState, Payment, PaymentMethod
from licensing.orders.operations import telling
from licensing.orders.operations.paying import balance, received
from licensing.subscriptions.wording import on_day
from mailing import kinds
from mailing.kinds import NoLongerDue, Rendered
from web import typography

if TYPE_CHECKING:
    from mailing.models import Message

#: How a refund is paid, as shown to the buyer.
_REFUND_MEANS = {
    PaymentMethod.CARD: "sur la carte qui avait payé ; votre banque l'affiche d'ordinaire sous quelques jours",
    PaymentMethod.CHEQUE: "en retour de votre chèque",
    PaymentMethod.TRANSFER: "par virement, au compte qui avait payé",
}


def render_invoiced(message: Message) -> Rendered:
    """Render the e-mail that links to the invoice: who pays it, how, and how long rights run meanwhile."""
    order = order_of(message, OrderState.CONFIRMED, OrderState.PAID)
    invoice = Invoice.objects.get(pk=message.context["invoice"])
    if Invoice.objects.filter(corrects=invoice).exists():
        raise NoLongerDue("La facture a été annulée par un avoir avant l'envoi.")
    replaced = order.invoices.filter(kind=InvoiceKind.INVOICE, credit__isnull=False).select_related("credit").last()
    return letter_about(
        message,
        order,
        subject=f"{order} : facture {invoice.number}",
        paragraphs=[
            f"Votre bon de commande nous est parvenu. La facture {invoice.number} est établie : {what(order)}."
            if replaced is None
            else f"La facture {invoice.number} remplace la facture {replaced.number}, annulée par l'avoir "
            f"{replaced.credit.number} : {what(order)}.",
            *_payment_paragraphs(order, invoice),
            *(
                ["Vos licences, qui étaient en pause, ont repris où elles en étaient."]
                if message.context.get("resumed")
                else []
            ),
        ],
        button="Télécharger la facture",
    )


def render_paid(message: Message) -> Rendered:
    """Render the e-mail that confirms full payment and firm rights."""
    order = order_of(message, OrderState.PAID)
    last_day = on_day(source_of(order).last_day)
    invoice = order.invoices.filter(kind=InvoiceKind.INVOICE, credit__isnull=True).first()
    return letter_about(
        message,
        order,
        subject=f"{order} : bien réglée, vos droits sont définitifs jusqu'au {last_day}",
        paragraphs=[
            f"Votre règlement nous est parvenu : {what(order)}.",
            (f"{where(order)} " if order.method == Method.CARD else "")
            + f"Vos droits sont définitifs, jusqu'au {last_day} inclus."
            + (" Ce qui était en pause a repris où il en était." if message.context.get("resumed") else ""),
            *([f"La facture {invoice.number} se télécharge sur la page de la commande."] if invoice else []),
        ],
        button="Ouvrir la commande",
    )


def render_cancelled(message: Message) -> Rendered:
    """Render the e-mail on a cancelled order: reason, credit note, amount to be refunded."""
    order = order_of(message, OrderState.CANCELLED)
    credit = order.invoices.filter(kind=InvoiceKind.CREDIT_NOTE).select_related("corrects").last()
    refund = received(order)
    return letter_about(
        message,
        order,
        subject=f"{order} : annulée",
        paragraphs=[
            f"Votre commande est annulée. Motif : {order.cancelled_because}",
            "Les licences qu'elle avait ouvertes ne donnent plus de droits.",
            *([f"L'avoir {credit.number} annule la facture {credit.corrects}."] if credit else []),
            f"Les {typography.euros(refund)} que nous avons reçus vous seront remboursés."
            if refund > 0
            else "Vous n'avez rien à payer.",
            f"Ce n'est pas ce que vous attendiez ? Écrivez-nous à {reply_to()}.",
        ],
        button="Ouvrir la commande",
        notes=[reference(order)],
    )


def render_refunded(message: Message) -> Rendered:
    """Render the e-mail on a refund: amount, means, order."""
    order = order_of(message)
    refund = Payment.objects.get(pk=message.context["payment"])
    return letter_about(
        message,
        order,
        subject=f"{order} : {typography.euros(-refund.amount)} remboursés",
        paragraphs=[
            f"Nous vous remboursons {typography.euros(-refund.amount)}, {_REFUND_MEANS[PaymentMethod(refund.method)]}.",
            "La commande est annulée."
            if order.state == OrderState.CANCELLED
            else "C'était plus que le prix de la commande : elle reste réglée, et vos droits définitifs.",
            *([f"Référence : {refund.reference}."] if refund.reference else []),
        ],
        button="Ouvrir la commande",
        notes=[reference(order)],
    )


def _payment_paragraphs(order: Order, invoice: Invoice) -> list[str]:
    """Return paragraphs on who pays an invoice and how, or that it is paid."""
    if order.state == OrderState.PAID:
        return ["Elle est déjà réglée : vous n'avez rien à payer, et vos droits ne changent pas."]
    due, source = typography.euros(balance(order)), source_of(order)
    until = f"jusqu'au {on_day(source.last_day)} inclus"
    body = preflight.of_order(order).body
    instructions = (
        f"Nous la déposons sur Chorus Pro, au nom de « {order.bill_name} »."
        if order.siret and preflight.is_public(payer=order.payer, school=order.school, body=body)
        else "Réglez-la par virement ou par chèque : elle porte nos coordonnées bancaires."
        if pays_himself(order)
        else f"Transmettez-la à « {order.bill_name} », qui la règle : elle porte nos coordonnées bancaires."
    )
    return [
        f"{instructions} {due} sont à régler au plus tard le {on_day(invoice.due_on)}.",
        (
            f"Dans l'attente du règlement, vos droits temporaires courent jusqu'au {on_day(source.unpaid_until)} "
            f"inclus ; ils deviennent définitifs, {until}, dès qu'il nous parvient."
        )
        if source.unpaid_until and source.suspended_at is None
        else f"Vos droits deviennent définitifs, {until}, dès que le règlement nous parvient.",
    ]


kinds.register(telling.INVOICED, label="Facture établie", render=render_invoiced)
kinds.register(telling.PAID, label="Commande réglée", render=render_paid)
kinds.register(telling.CANCELLED, label="Commande annulée", render=render_cancelled)
kinds.register(telling.REFUNDED, label="Remboursement", render=render_refunded)
