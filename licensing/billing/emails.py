"""E-mails to the buyer about invoices, credit notes and suspension. Rendered at sending time, from current rows."""

from __future__ import annotations

from decimal import Decimal

from django.utils.text import Truncator

from core import formatting
from core.contact_details import MAX_LENGTH
from licensing.billing.models import Invoice, InvoiceKind
from licensing.billing.queries import get_amount_received, get_balance
from licensing.billing.snapshots import CorrectedInvoiceSnapshot
from licensing.entitlements.wording import format_long_date
from licensing.orders import order_events
from licensing.orders.emails import (
    SUSPENSION_NOTICE,
    build_email,
    describe_order,
    describe_reference,
    get_order,
    get_reply_to,
    get_today,
)
from licensing.orders.models import Order, OrderState, PaymentMethod
from licensing.orders.payers import BuyerKind, is_paid_by_buyer
from licensing.orders.rights import get_entitlement
from mailing import kinds
from mailing.kinds import NoLongerDue, RenderedEmail
from mailing.models import Message


def render_invoiced(message: Message) -> RenderedEmail:
    """Render the e-mail that links to the invoice: who pays it, how, and how long rights run meanwhile."""
    order = get_order(message, OrderState.CONFIRMED, OrderState.PAID)
    invoice = Invoice.objects.get(pk=message.context["invoice"])
    if invoice.get_cancelling_note() is not None:
        raise NoLongerDue("La facture a été annulée par un avoir avant l'envoi.")
    replacing = _get_cancelling_note(order)
    return build_email(
        message,
        order,
        subject=f"{order} : facture {invoice.number}",
        paragraphs=[
            (
                f"Votre bon de commande nous est parvenu. La facture {invoice.number} est établie :"
                f" {describe_order(order)}."
                if replacing is None
                else (
                    f"La facture {invoice.number} remplace la facture {replacing.corrects}, annulée par l'avoir "
                    f"{replacing.number} : {describe_order(order)}."
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


def render_cancelled(message: Message) -> RenderedEmail:
    """Render the e-mail on a cancelled order: reason, credit note, amount to be refunded."""
    order = get_order(message, OrderState.CANCELLED)
    credit = _get_cancelling_note(order)
    refund = get_amount_received(order)
    return build_email(
        message,
        order,
        subject=f"{order} : annulée",
        paragraphs=[
            f"Votre commande est annulée. Motif : {formatting.end_sentence(order.cancellation_reason)}",
            (
                "Les licences qu'elle avait ouvertes ne donnent plus de droits."
                if order.lines.filter(entitlement__isnull=False).exists()
                else "Elle n'avait ouvert aucun droit."
            ),
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


def render_credited(message: Message) -> RenderedEmail:
    """Render the e-mail on a partial credit note: why, what is left, and what is still to be paid or goes back."""
    order = get_order(message, OrderState.CONFIRMED, OrderState.PAID)
    note = Invoice.objects.select_related("corrects").get(pk=message.context["invoice"])
    corrected, line = note.snapshot["corrects"], order.lines.get()
    licences, balance = corrected["licences"], get_balance(order)
    return build_email(
        message,
        order,
        subject=f"{order} : avoir de {formatting.euros(note.total_ttc)}",
        paragraphs=[
            (
                f"L'avoir {note.number}, de {formatting.euros(note.total_ttc)} TTC, est établi sur la facture"
                f" {note.corrects}. Motif : {formatting.end_sentence(corrected['reason'])}"
            ),
            (
                f"{formatting.pluralize(licences, 'licence est reprise', 'licences sont reprises')} : la commande en"
                f" compte désormais {formatting.number(line.remaining)}."
                if licences
                else "Vos licences ne changent pas."
            ),
            (
                f"Il reste {formatting.euros(balance)} à régler sur la facture {note.corrects}."
                if order.state == OrderState.CONFIRMED
                else _describe_surplus(corrected, -balance)
            ),
            f"Ce n'est pas ce que vous attendiez ? Écrivez-nous à {get_reply_to()}.",
        ],
        button="Ouvrir la commande",
        notes=[describe_reference(order)],
    )


def _describe_surplus(corrected: CorrectedInvoiceSnapshot, surplus: Decimal) -> str:
    """Return what becomes of what a credit note leaves paid in excess: by card it is on its way already."""
    if surplus <= 0 or corrected["refund_by"] == PaymentMethod.CARD:
        return corrected["refund_terms"]
    return (
        f"{formatting.euros(surplus)} sont donc payés en trop. Nous vous les rendons, au compte qui avait payé ; "
        "répondez à ce message pour un autre compte, ou pour régler une autre commande."
    )


def _get_cancelling_note(order: Order) -> Invoice | None:
    """Return the last credit note that cancels an invoice of the order."""
    notes = order.invoices.filter(kind=InvoiceKind.CREDIT_NOTE, is_partial=False)
    return notes.select_related("corrects").order_by("pk").last()


def render_corrected(message: Message) -> RenderedEmail:
    """Render the e-mail on billing details that another person corrected."""
    order = get_order(message)
    if order.state == OrderState.CANCELLED:
        raise NoLongerDue("La commande a été annulée avant l'envoi.")
    payer = Truncator(order.bill_name).chars(MAX_LENGTH)
    return build_email(
        message,
        order,
        subject=f"{order} : informations de facturation corrigées",
        paragraphs=[
            (
                f"Les informations de facturation de votre commande ont été corrigées. La facture est établie au nom de"
                f" « {payer} » : relisez son adresse et ses références sur la page de la commande."
            ),
            f"Ce n'est pas ce que vous attendiez ? Écrivez-nous à {get_reply_to()}.",
        ],
        button="Ouvrir la commande",
        notes=[describe_reference(order)],
    )


def render_suspended(message: Message) -> RenderedEmail:
    """Render the e-mail on licences suspended by the operator, and how to restore them."""
    order = get_order(message, OrderState.PLACED, OrderState.CONFIRMED, OrderState.PAID)
    entitlement = get_entitlement(order)
    if entitlement.suspended_at is None:
        raise NoLongerDue("Les licences ont été rétablies avant l'envoi.")
    is_unpaid = order.state == OrderState.CONFIRMED and entitlement.resumes_when_paid
    is_overdue = is_unpaid and entitlement.unpaid_until is not None and entitlement.unpaid_until < get_today()
    return build_email(
        message,
        order,
        subject=f"{order} : vos licences sont suspendues",
        paragraphs=[
            (
                f"La facture {order.invoices.current().get()} n'est pas réglée, et les droits temporaires de votre"
                f" commande couraient jusqu'au {format_long_date(entitlement.unpaid_until)} : nous les avons suspendus."
                if is_overdue and entitlement.unpaid_until
                else "Nous avons suspendu les licences de votre commande."
            ),
            f"{SUSPENSION_NOTICE}{', et tout reprend dès que le règlement nous parvient' if is_unpaid else ''}.",
            f"Une question, un règlement en cours ? Écrivez-nous à {get_reply_to()}.",
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
    # Whole on the invoice; no more of it in an e-mail than of any name that somebody typed.
    payer = Truncator(order.bill_name).chars(MAX_LENGTH)
    instructions = (
        f"Nous la déposons sur Chorus Pro, au nom de « {payer} »."
        if invoice.buyer_kind == BuyerKind.PUBLIC and order.siret
        else (
            "Réglez-la par virement ou par chèque : elle porte nos coordonnées bancaires."
            if is_paid_by_buyer(order)
            else f"Transmettez-la à « {payer} », qui la règle : elle porte nos coordonnées bancaires."
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


kinds.register(order_events.INVOICED, label="Facture établie", render=render_invoiced)
kinds.register(order_events.CREDITED, label="Avoir établi", render=render_credited)
kinds.register(order_events.CANCELLED, label="Commande annulée", render=render_cancelled)
kinds.register(order_events.CORRECTED, label="Facturation corrigée", render=render_corrected)
kinds.register(order_events.SUSPENDED, label="Licences suspendues", render=render_suspended)
