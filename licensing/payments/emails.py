"""E-mails to the buyer about payments and refunds. Rendered at sending time, from current rows."""

from __future__ import annotations

from core import formatting
from core.calendar import PARIS
from licensing.billing.models import InvoiceKind
from licensing.billing.queries import get_amount_received, get_balance
from licensing.entitlements.models import Entitlement
from licensing.entitlements.wording import format_long_date, format_until
from licensing.orders import order_events
from licensing.orders.emails import (
    SUSPENSION_NOTICE,
    attach_terms,
    build_email,
    describe_licences,
    describe_order,
    describe_reference,
    describe_withdrawal,
    get_order,
    get_reply_to,
    get_today,
)
from licensing.orders.models import ZERO, Order, OrderState, PaymentMethod, SettlementMethod
from licensing.orders.queries import get_refund_deadline
from licensing.orders.rights import get_entitlement
from licensing.payments.models import Payment, PaymentKind
from mailing import kinds
from mailing.kinds import RenderedEmail
from mailing.models import Message

#: How a refund is paid, as shown to the buyer.
_REFUND_MEANS = {
    PaymentMethod.CARD: "sur la carte qui avait payé ; votre banque l'affiche d'ordinaire sous quelques jours",
    PaymentMethod.CHEQUE: "par chèque",
    PaymentMethod.TRANSFER: "par virement",
}


def render_paid(message: Message) -> RenderedEmail:
    """Render the e-mail that confirms full payment and firm rights."""
    order = get_order(message, OrderState.PAID)
    entitlement = get_entitlement(order)
    last_day = format_long_date(entitlement.last_day)
    invoice = order.invoices.current().first()
    return build_email(
        message,
        order,
        subject=f"{order} : bien réglée, vos droits sont définitifs jusqu'au {last_day}",
        paragraphs=[
            f"Votre règlement nous est parvenu : {describe_order(order)}.",
            (f"{describe_licences(order)} " if order.method == SettlementMethod.CARD else "")
            + f"Vos droits sont définitifs, {format_until(entitlement, get_today())}."
            + (" Ce qui était en pause a repris où il en était." if message.context.get("resumed") else ""),
            *(
                [
                    "Vos licences restent suspendues, pour un autre motif que le règlement. Écrivez-nous.",
                ]
                if entitlement.suspended_at is not None
                else []
            ),
            *([f"La facture {invoice.number} se télécharge sur la page de la commande."] if invoice else []),
        ],
        button="Ouvrir la commande",
        # By card it is the confirmation of the order, which nothing confirmed before.
        notes=describe_withdrawal(order) if order.method == SettlementMethod.CARD else (),
        attachments=attach_terms(order) if order.method == SettlementMethod.CARD else (),
    )


def render_withdrawn(message: Message) -> RenderedEmail:
    """Render the receipt of a consumer's withdrawal: what was declared, its date and hour, and the refund."""
    order = get_order(message, OrderState.CANCELLED)
    withdrawal = order.contract_withdrawal
    moment = withdrawal.at.astimezone(PARIS)
    credit = order.invoices.filter(kind=InvoiceKind.CREDIT_NOTE, is_partial=False).select_related("corrects").last()
    owed = get_amount_received(order)
    by_card = order.payments.filter(kind=PaymentKind.REFUNDED, card__isnull=False, recorded_at=withdrawal.at)
    refunds = []
    if given_back := sum((-one.amount for one in by_card), ZERO):
        refunds.append(f"{formatting.euros(given_back)} vous sont rendus {_REFUND_MEANS[PaymentMethod.CARD]}.")
    if owed > 0:
        until = format_long_date(get_refund_deadline(withdrawal.at))
        refunds.append(
            f"{formatting.euros(owed)} vous sont rendus au plus tard le {until}, par le moyen qui avait servi à payer."
        )
    return build_email(
        message,
        order,
        subject=f"{order} : accusé de réception de votre renonciation au contrat",
        paragraphs=[
            (
                f"Nous avons reçu votre déclaration le {format_long_date(moment.date())} à {moment:%Hh%M} (heure de"
                " Paris). Gardez ce message : il en est la preuve."
            ),
            f"« Je renonce au contrat de la {str(order).lower()}. Nom : {withdrawal.name}. »",
            describe_reference(order),
            "La commande est annulée et ses licences ne donnent plus de droits. Les jours d'usage ne sont pas comptés.",
            *([f"L'avoir {credit.number} annule la facture {credit.corrects}."] if credit else []),
            *(refunds or ["Vous n'avez rien à payer."]),
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
            _describe_refunded_order(order),
            *([f"Référence : {refund.reference}."] if refund.reference else []),
        ],
        button="Ouvrir la commande",
        notes=[describe_reference(order)],
    )


def _describe_refunded_order(order: Order) -> str:
    """Return a sentence on what becomes of an order of which something was refunded."""
    if order.state == OrderState.CANCELLED:
        return "La commande est annulée."
    if get_balance(order) > 0:
        return "Vos droits ne changent pas."
    why = "Un avoir a réduit le prix de la commande" if order.credited else "C'était plus que le prix de la commande"
    return f"{why}, qui reste réglée. Vos droits restent définitifs."


#: A payment that the bank returned, as shown to the buyer.
RETURNED = {
    PaymentMethod.CHEQUE: "votre chèque est revenu impayé",
    PaymentMethod.TRANSFER: "votre virement a été rejeté",
}


def render_payment_reversed(message: Message) -> RenderedEmail:
    """Render the e-mail on a payment that bounced: what is due again, and how long rights run meanwhile."""
    order = get_order(message, OrderState.CONFIRMED)
    reversal = Payment.objects.get(pk=message.context["payment"])
    entitlement, invoice = get_entitlement(order), order.invoices.current().get()
    returned = RETURNED[PaymentMethod(reversal.method)]
    return build_email(
        message,
        order,
        subject=f"{order} : {returned}",
        paragraphs=[
            (
                f"{formatting.start_sentence(returned)} ({reversal.reference}) : {formatting.euros(-reversal.amount)}"
                " ne nous sont pas parvenus."
            ),
            (
                f"{formatting.euros(get_balance(order))} restent à régler sur la facture {invoice.number}, qui ne"
                " change pas : elle porte nos coordonnées bancaires."
            ),
            _describe_rights_meanwhile(entitlement),
            f"Une question, une erreur de votre banque ? Écrivez-nous à {get_reply_to()}.",
        ],
        button="Ouvrir la commande",
        notes=[describe_reference(order)],
    )


def render_owed_again(message: Message) -> RenderedEmail:
    """Render the e-mail on what was refunded on the card, and is to be paid all the same."""
    order = get_order(message, OrderState.CONFIRMED)
    balance = formatting.euros(get_balance(order))
    return build_email(
        message,
        order,
        subject=f"{order} : {balance} restent à régler",
        paragraphs=[
            (
                f"{balance} vous ont été rendus sur votre carte, alors que votre commande reste la même : ils restent à"
                f" régler sur la facture {order.invoices.current().get()}, par virement ou par chèque. Elle porte nos"
                " coordonnées bancaires."
            ),
            _describe_rights_meanwhile(get_entitlement(order)),
            f"Ce n'est pas ce que vous attendiez ? Écrivez-nous à {get_reply_to()}.",
        ],
        button="Ouvrir la commande",
        notes=[describe_reference(order)],
    )


def _describe_rights_meanwhile(entitlement: Entitlement) -> str:
    """Return a sentence on the rights of an order that awaits its payment again."""
    if entitlement.suspended_on(get_today()):
        return f"{SUSPENSION_NOTICE}."
    if entitlement.unpaid_until is not None and entitlement.unpaid_until >= get_today():
        return (
            "Dans l'attente du règlement, vos droits temporaires courent jusqu'au"
            f" {format_long_date(entitlement.unpaid_until)} inclus."
        )
    return "Vos droits temporaires sont arrivés à leur terme : sans nouveau règlement, nous pouvons les suspendre."


def render_surplus_moved(message: Message) -> RenderedEmail:
    """Render the e-mail on an overpayment that now pays another order."""
    order = get_order(message)
    target = Order.objects.get(pk=message.context["target"])
    moved = Payment.objects.filter(pk__in=message.context["payments"])
    amount = formatting.euros(sum((one.amount for one in moved), ZERO))
    return build_email(
        message,
        order,
        subject=f"{order} : {amount} reportés sur la {str(target).lower()}",
        paragraphs=[
            (
                f"Vous nous aviez versé plus que le prix de votre commande : {amount} sont reportés sur la"
                f" {str(target).lower()}, que le même payeur avait à régler."
            ),
            f"Vous préfériez un remboursement ? Écrivez-nous à {get_reply_to()}.",
        ],
        button="Ouvrir la commande",
        notes=[describe_reference(order)],
    )


kinds.register(order_events.SURPLUS_MOVED, label="Trop-perçu reporté", render=render_surplus_moved)
kinds.register(order_events.PAYMENT_REVERSED, label="Règlement impayé", render=render_payment_reversed)
kinds.register(order_events.OWED_AGAIN, label="Reste à régler", render=render_owed_again)
kinds.register(order_events.WITHDRAWN, label="Renonciation au contrat", render=render_withdrawn)
kinds.register(order_events.PAID, label="Commande réglée", render=render_paid)
kinds.register(order_events.REFUNDED, label="Remboursement", render=render_refunded)
