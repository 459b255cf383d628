"""E-mails to the buyer while the purchase order is awaited. Rendered at sending time, from current rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licensing.orders.letters import (
    CHANGED,
    STOPPED,
    awaited,
    by_card,
    day_of,
    how_to_send,
    lacking,
    letter_about,
    order_of,
    reference,
    reply_to,
    source_of,
    today,
    what,
    where,
)
from licensing.orders.models import OrderState, PurchaseOrderScan, ScanState
from licensing.orders.operations import telling
from licensing.orders.operations.receiving import live_invoice
from licensing.subscriptions import wording
from licensing.subscriptions.wording import on_day
from mailing import kinds
from mailing.kinds import NoLongerDue, Rendered

if TYPE_CHECKING:
    from mailing.models import Message


def render_placed(message: Message) -> Rendered:
    """Render the order confirmation: what is open, until when, and the purchase order to send."""
    order, until = awaited(message)
    return letter_about(
        message,
        order,
        subject=f"{order} : bon de commande signé à nous envoyer avant le {on_day(until)}",
        paragraphs=[
            f"Votre commande est enregistrée : {what(order)}.",
            (
                f"{where(order)} Vos droits sont temporaires, jusqu'au {on_day(until)} inclus ; une fois la commande "
                f"réglée, ils deviennent définitifs, jusqu'au {on_day(source_of(order).last_day)} inclus."
            ),
            how_to_send(order),
            (
                "Dès que le bon de commande signé nous parvient, nous établissons la facture. Si nous ne l'avons pas "
                f"reçu le {on_day(until)}, les droits s'arrêtent le lendemain, sans que rien ne soit supprimé."
            ),
            *lacking(order),
        ],
        button="Télécharger le bon de commande",
    )


def render_reminder(message: Message) -> Rendered:
    """Render the reminder that the purchase order is awaited, and until when."""
    order, until = awaited(message)
    left = (until - today()).days
    when = {0: "aujourd'hui", 1: "demain"}.get(left, f"le {on_day(until)}")
    return letter_about(
        message,
        order,
        subject=f"{order} : vos droits temporaires prennent fin {when}",
        paragraphs=[
            f"Nous n'avons pas encore reçu le bon de commande signé de votre commande : {what(order)}.",
            (
                f"Sans lui, vos licences seront en pause après le {on_day(until)} : elles ne pourront plus être ni "
                "attribuées, ni utilisées en classe. Rien ne sera supprimé."
            ),
            how_to_send(order),
            *lacking(order),
        ],
        button="Ouvrir la commande",
        notes=["Vous venez de l'envoyer ? Merci : ne tenez pas compte de ce rappel."],
    )


def render_lapsed(message: Message) -> Rendered:
    """Render the e-mail on lapsed provisional rights: what is kept, and how to restore them."""
    order = order_of(message, OrderState.LAPSED)
    waiting = order.scans.filter(state=ScanState.WAITING).first()
    ended = source_of(order).provisional_until
    return letter_about(
        message,
        order,
        subject=f"{order} : vos licences sont en pause",
        paragraphs=[
            "Les droits temporaires de votre commande ont pris fin"
            + (f" le {on_day(ended)}" if ended else "")
            + (" : nous n'avons pas reçu le bon de commande signé." if waiting is None else "."),
            (
                f"{STOPPED}, et tout reprend dès que le bon de commande nous "
                f"parvient{' ou que vous réglez par carte' if by_card(order) else ''}."
            ),
            how_to_send(order)
            if waiting is None
            else f"Nous avons reçu votre document le {day_of(waiting.received_at)} : nous le vérifions.",
            f"Vous ne voulez plus de ces licences ? Écrivez-nous à {reply_to()} : nous annulerons la commande.",
        ],
        button="Ouvrir la commande",
        notes=[reference(order)],
    )


def render_scan_refused(message: Message) -> Rendered:
    """Render the e-mail on a refused purchase order: the reason, and until when another is awaited."""
    order = order_of(message, OrderState.PLACED, OrderState.LAPSED)
    scan = PurchaseOrderScan.objects.get(pk=message.context["scan"])
    if order.scans.filter(state=ScanState.WAITING).exists():
        raise NoLongerDue("Un autre bon de commande a été déposé avant l'envoi.")
    until = source_of(order).provisional_until
    runs = until is not None and until >= today() and order.state == OrderState.PLACED
    return letter_about(
        message,
        order,
        subject=f"{order} : le bon de commande déposé ne convient pas",
        paragraphs=[
            (
                f"Le document « {scan.filename} », déposé le {day_of(scan.received_at)}, ne convient pas. "
                f"Voici pourquoi : {scan.reason}"
            ),
            how_to_send(order),
            f"Vos droits temporaires courent jusqu'au {on_day(until)} inclus."
            if runs and until
            else "Vos droits temporaires ont pris fin : vos licences sont en pause. Rien n'est supprimé, et tout "
            "reprend dès que le bon de commande signé nous parvient.",
        ],
        button="Déposer le bon de commande",
        notes=[reference(order)],
    )


def render_prolonged(message: Message) -> Rendered:
    """Render the e-mail on prolonged temporary rights."""
    order = order_of(message, OrderState.PLACED, OrderState.CONFIRMED)
    source = source_of(order)
    if source.temporary_until is None or source.suspended_at is not None:
        raise NoLongerDue(CHANGED)
    last_day = on_day(source.last_day)
    return letter_about(
        message,
        order,
        subject=f"{order} : droits temporaires prolongés jusqu'au {on_day(source.temporary_until)}",
        paragraphs=[
            (
                "Les droits temporaires de votre commande courent désormais jusqu'au "
                f"{on_day(source.temporary_until)} inclus ; une fois la commande réglée, ils deviennent définitifs, "
                f"jusqu'au {last_day} inclus."
            ),
            how_to_send(order)
            if source.provisional_until
            else "Il ne manque plus que son règlement."
            if order.state == OrderState.CONFIRMED
            else "Nous vérifions le bon de commande que vous avez déposé.",
        ],
        button="Ouvrir la commande",
        notes=[reference(order)],
    )


def render_suspended(message: Message) -> Rendered:
    """Render the e-mail on licences suspended by the operator, and how to restore them."""
    order = order_of(message, OrderState.PLACED, OrderState.CONFIRMED, OrderState.PAID)
    source = source_of(order)
    if source.suspended_at is None:
        raise NoLongerDue("Les licences ont été rétablies avant l'envoi.")
    is_unpaid = order.state == OrderState.CONFIRMED
    is_overdue = is_unpaid and source.unpaid_until is not None and source.unpaid_until < today()
    return letter_about(
        message,
        order,
        subject=f"{order} : vos licences sont suspendues",
        paragraphs=[
            (
                f"La facture {live_invoice(order)} n'est pas réglée, et les droits temporaires de votre commande "
                f"couraient jusqu'au {on_day(source.unpaid_until)} : nous les avons suspendus."
            )
            if is_overdue and source.unpaid_until
            else "Nous avons suspendu les licences de votre commande.",
            f"{STOPPED}{', et tout reprend dès que le règlement nous parvient' if is_unpaid else ''}.",
            f"Une question, un règlement en cours ? Écrivez-nous à {reply_to()}.",
        ],
        button="Ouvrir la commande",
        notes=[reference(order)],
    )


def render_restored(message: Message) -> Rendered:
    """Render the e-mail on licences restored by the operator."""
    order = order_of(message, OrderState.PLACED, OrderState.CONFIRMED, OrderState.PAID)
    source = source_of(order)
    if source.suspended_at is not None or not source.usable_on(today()):
        raise NoLongerDue(CHANGED)
    return letter_about(
        message,
        order,
        subject=f"{order} : vos licences sont rétablies",
        paragraphs=[f"Tout reprend où il en était, {wording.until(source, today())}."],
        button="Ouvrir la commande",
        notes=[reference(order)],
    )


kinds.register(telling.PLACED, label="Commande enregistrée", render=render_placed)
kinds.register(telling.REMINDER, label="Rappel de bon de commande", render=render_reminder)
kinds.register(telling.LAPSED, label="Droits temporaires échus", render=render_lapsed)
kinds.register(telling.SCAN_REFUSED, label="Bon de commande refusé", render=render_scan_refused)
kinds.register(telling.PROLONGED, label="Droits temporaires prolongés", render=render_prolonged)
kinds.register(telling.SUSPENDED, label="Licences suspendues", render=render_suspended)
kinds.register(telling.RESTORED, label="Licences rétablies", render=render_restored)
