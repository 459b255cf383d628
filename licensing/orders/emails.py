"""E-mails to the buyer while the purchase order is awaited, and the parts that all e-mails about orders share.

Rendered at sending time, from current rows.
"""

from __future__ import annotations

from core import formatting
from licensing.entitlements import wording
from licensing.entitlements.wording import format_long_date
from licensing.orders.email_parts import (
    STATE_CHANGED,
    SUSPENSION_NOTICE,
    attach_terms,
    build_email,
    can_pay_by_card,
    describe_licences,
    describe_missing,
    describe_order,
    describe_reference,
    describe_sending,
    describe_withdrawal,
    format_day,
    get_awaited_order,
    get_order,
    get_reply_to,
    get_today,
)
from licensing.orders.models import OrderState, PurchaseOrderScan, ScanState
from licensing.orders.operations import notifications
from licensing.orders.rights import PROVISIONAL_DAYS, get_entitlement
from mailing import kinds
from mailing.kinds import NoLongerDue, RenderedEmail
from mailing.models import Message


def render_placed(message: Message) -> RenderedEmail:
    """Render the order confirmation: what is open, until when, and the purchase order to send."""
    order, until = get_awaited_order(message)
    return build_email(
        message,
        order,
        subject=f"{order} : bon de commande signé à nous envoyer, au plus tard le {format_long_date(until)}",
        paragraphs=[
            f"Votre commande est enregistrée : {describe_order(order)}.",
            (
                f"{describe_licences(order)} Vos droits sont temporaires, jusqu'au {format_long_date(until)} inclus ;"
                " une fois la commande réglée, ils deviennent définitifs, jusqu'au"
                f" {format_long_date(get_entitlement(order).last_day)} inclus."
            ),
            describe_sending(order),
            (
                "Dès que le bon de commande signé nous parvient, nous établissons la facture. Si nous ne l'avons pas"
                f" reçu le {format_long_date(until)}, les droits s'arrêtent le lendemain, sans que rien ne soit"
                " supprimé."
            ),
            *describe_missing(order),
        ],
        button="Télécharger le bon de commande",
        notes=describe_withdrawal(order),
        attachments=attach_terms(order),
    )


def render_in_review(message: Message) -> RenderedEmail:
    """Render the confirmation of an order whose rights open once the operator has looked at it."""
    order = get_order(message, OrderState.IN_REVIEW)
    return build_email(
        message,
        order,
        subject=f"{order} : enregistrée, à vérifier avant d'ouvrir vos droits",
        paragraphs=[
            f"Votre commande est enregistrée : {describe_order(order)}.",
            (
                "Vos licences ne sont pas encore ouvertes. Votre établissement n'a pas été choisi dans l'annuaire :"
                " pour ce nombre de classes, nous vérifions d'abord la commande. Un"
                " e-mail vous dira que vos droits temporaires sont ouverts ; leurs"
                f" {PROVISIONAL_DAYS} jours ne commencent pas avant."
            ),
            f"Pour aller plus vite, le bon de commande signé nous suffit. {describe_sending(order)}",
            (
                "Votre établissement est dans l'annuaire ? Choisissez-le dans « Mon compte », puis écrivez-nous à"
                f" {get_reply_to()}."
            ),
            *describe_missing(order),
        ],
        button="Ouvrir la commande",
        notes=describe_withdrawal(order),
        attachments=attach_terms(order),
    )


def render_rights_opened(message: Message) -> RenderedEmail:
    """Render the e-mail on the rights of an order that was looked at: until when, and what is awaited."""
    order = get_order(message, OrderState.PLACED)
    entitlement = get_entitlement(order)
    until = entitlement.temporary_until
    if until is None or entitlement.suspended_at is not None:
        raise NoLongerDue(STATE_CHANGED)
    return build_email(
        message,
        order,
        subject=f"{order} : vos droits temporaires sont ouverts jusqu'au {format_long_date(until)}",
        paragraphs=[
            (
                f"Nous avons vérifié votre commande. {describe_licences(order)} Vos droits sont temporaires, jusqu'au"
                f" {format_long_date(until)} inclus ; une fois la commande réglée, ils deviennent définitifs, jusqu'au"
                f" {format_long_date(entitlement.last_day)} inclus."
            ),
            (
                f"{describe_sending(order)} Si nous ne l'avons pas reçu le {format_long_date(until)}, les droits"
                " s'arrêtent le lendemain, sans que rien ne soit supprimé."
                if entitlement.provisional_until
                else "Nous vérifions le bon de commande que vous avez déposé."
            ),
            *describe_missing(order),
        ],
        button="Ouvrir la commande",
        notes=[describe_reference(order)],
    )


def render_reminder(message: Message) -> RenderedEmail:
    """Render the reminder that the purchase order is awaited, and until when."""
    order, until = get_awaited_order(message)
    left = (until - get_today()).days
    when = {0: "aujourd'hui", 1: "demain"}.get(left, f"le {format_long_date(until)}")
    return build_email(
        message,
        order,
        subject=f"{order} : vos droits temporaires prennent fin {when}",
        paragraphs=[
            f"Nous n'avons pas encore reçu le bon de commande signé de votre commande : {describe_order(order)}.",
            (
                f"Sans lui, vos licences seront en pause après le {format_long_date(until)} : elles ne pourront plus"
                " être ni attribuées, ni utilisées en classe. Rien ne sera supprimé."
            ),
            describe_sending(order),
            *describe_missing(order),
        ],
        button="Ouvrir la commande",
        notes=["Vous venez de l'envoyer ? Merci : ne tenez pas compte de ce rappel."],
    )


def render_lapsed(message: Message) -> RenderedEmail:
    """Render the e-mail on lapsed provisional rights: what is kept, and how to restore them."""
    order = get_order(message, OrderState.LAPSED)
    waiting = order.scans.filter(state=ScanState.WAITING).first()
    ended = get_entitlement(order).provisional_until
    return build_email(
        message,
        order,
        subject=f"{order} : vos licences sont en pause",
        paragraphs=[
            "Les droits temporaires de votre commande ont pris fin"
            + (f" le {format_long_date(ended)}" if ended else "")
            + (" : nous n'avons pas reçu le bon de commande signé." if waiting is None else "."),
            (
                f"{SUSPENSION_NOTICE}, et tout reprend dès que le bon de commande nous "
                f"parvient{' ou que vous réglez par carte' if can_pay_by_card(order) else ''}."
            ),
            (
                describe_sending(order)
                if waiting is None
                else f"Nous avons reçu votre document le {format_day(waiting.received_at)} : nous le vérifions."
            ),
            f"Vous ne voulez plus de ces licences ? Écrivez-nous à {get_reply_to()} : nous annulerons la commande.",
        ],
        button="Ouvrir la commande",
        notes=[describe_reference(order)],
    )


def render_scan_received(message: Message) -> RenderedEmail:
    """Render the acknowledgement of an uploaded purchase order, which nobody has checked yet."""
    order = get_order(message, OrderState.IN_REVIEW, OrderState.PLACED, OrderState.LAPSED)
    scan = PurchaseOrderScan.objects.get(pk=message.context["scan"])
    if scan.state != ScanState.WAITING:
        raise NoLongerDue("Ce bon de commande a déjà été étudié, ou remplacé.")
    rights = {
        OrderState.IN_REVIEW: ", et vos licences sont ouvertes",
        OrderState.LAPSED: ", et vos licences reprennent",
    }.get(OrderState(order.state), " ; vos licences ne s'arrêteront pas entre-temps")
    return build_email(
        message,
        order,
        subject=f"{order} : bon de commande signé bien reçu",
        paragraphs=[
            (
                f"Nous avons reçu le document « {scan.filename} », déposé le {format_day(scan.received_at)} : nous le "
                f"vérifions. Dès qu'il est accepté, la facture est émise, pour règlement{rights}."
            ),
            *describe_missing(order),
        ],
        button="Ouvrir la commande",
        notes=[describe_reference(order)],
    )


def render_scan_refused(message: Message) -> RenderedEmail:
    """Render the e-mail on a refused purchase order: the reason, and until when another is awaited."""
    order = get_order(message, OrderState.IN_REVIEW, OrderState.PLACED, OrderState.LAPSED)
    scan = PurchaseOrderScan.objects.get(pk=message.context["scan"])
    if order.scans.filter(state=ScanState.WAITING).exists():
        raise NoLongerDue("Un autre bon de commande a été déposé avant l'envoi.")
    until = None if order.state == OrderState.IN_REVIEW else get_entitlement(order).provisional_until
    runs = until is not None and until >= get_today() and order.state == OrderState.PLACED
    return build_email(
        message,
        order,
        subject=f"{order} : le bon de commande déposé ne convient pas",
        paragraphs=[
            (
                f"Le document « {scan.filename} », déposé le {format_day(scan.received_at)}, ne convient pas. "
                f"Voici pourquoi : {scan.reason}"
            ),
            describe_sending(order),
            (
                f"Vos droits temporaires courent jusqu'au {format_long_date(until)} inclus."
                if runs and until
                else "Vos licences ne sont pas encore ouvertes : nous vérifions d'abord la commande."
                if order.state == OrderState.IN_REVIEW
                else (
                    "Vos droits temporaires ont pris fin : vos licences sont en pause. Rien n'est supprimé, et tout "
                    "reprend dès que le bon de commande signé nous parvient."
                )
            ),
        ],
        button="Déposer le bon de commande",
        notes=[describe_reference(order)],
    )


def render_prolonged(message: Message) -> RenderedEmail:
    """Render the e-mail on prolonged temporary rights."""
    order = get_order(message, OrderState.PLACED, OrderState.CONFIRMED)
    entitlement = get_entitlement(order)
    if entitlement.temporary_until is None or entitlement.suspended_at is not None:
        raise NoLongerDue(STATE_CHANGED)
    last_day = format_long_date(entitlement.last_day)
    return build_email(
        message,
        order,
        subject=f"{order} : droits temporaires prolongés jusqu'au {format_long_date(entitlement.temporary_until)}",
        paragraphs=[
            (
                "Les droits temporaires de votre commande courent désormais jusqu'au"
                f" {format_long_date(entitlement.temporary_until)} inclus ; une fois la commande réglée, ils deviennent"
                f" définitifs, jusqu'au {last_day} inclus."
            ),
            (
                describe_sending(order)
                if entitlement.provisional_until
                else (
                    "Il ne manque plus que son règlement."
                    if order.state == OrderState.CONFIRMED
                    else "Nous vérifions le bon de commande que vous avez déposé."
                )
            ),
        ],
        button="Ouvrir la commande",
        notes=[describe_reference(order)],
    )


def render_restored(message: Message) -> RenderedEmail:
    """Render the e-mail on licences restored by the operator."""
    order = get_order(message, OrderState.PLACED, OrderState.CONFIRMED, OrderState.PAID)
    entitlement = get_entitlement(order)
    if entitlement.suspended_at is not None or not entitlement.available_on(get_today()):
        raise NoLongerDue(STATE_CHANGED)
    return build_email(
        message,
        order,
        subject=f"{order} : vos licences sont rétablies",
        paragraphs=[f"Tout reprend où il en était, {wording.format_until(entitlement, get_today())}."],
        button="Ouvrir la commande",
        notes=[describe_reference(order)],
    )


def render_started(message: Message) -> RenderedEmail:
    """Render the e-mail on licences that the operator lets be used before their first day."""
    order = get_order(message, OrderState.PLACED, OrderState.CONFIRMED, OrderState.PAID)
    entitlement = get_entitlement(order)
    until = entitlement.provisional_until
    if not entitlement.usable_on(get_today()):
        raise NoLongerDue(STATE_CHANGED)
    return build_email(
        message,
        order,
        subject=f"{order} : vos licences sont utilisables dès maintenant",
        paragraphs=[
            (
                "Ce que vous avez commandé s'utilise en classe dès maintenant,"
                f" {wording.format_until(entitlement, get_today())}."
            ),
            *(
                [
                    (
                        f"Le bon de commande signé est attendu jusqu'au {format_long_date(until)}."
                        " Sans lui, les droits s'arrêtent le lendemain, sans que rien ne soit supprimé."
                    )
                ]
                if until is not None
                else []
            ),
        ],
        button="Ouvrir la commande",
        notes=[describe_reference(order)],
    )


def render_vat_corrected(message: Message) -> RenderedEmail:
    """Render the e-mail on a corrected VAT: the new total, and the purchase order to sign anew."""
    order = get_order(message, OrderState.IN_REVIEW, OrderState.PLACED, OrderState.LAPSED)
    line = order.lines.get()
    return build_email(
        message,
        order,
        subject=f"{order} : TVA corrigée, {formatting.euros(order.total_ttc)} TTC",
        paragraphs=[
            (
                f"La TVA de votre commande est désormais de {formatting.percent(line.vat_rate)} :"
                f" {formatting.euros(order.total_ht)} HT, {formatting.euros(order.total_ttc)} TTC. {line.vat_reason}"
            ).strip(),
            f"Vos droits ne changent pas. Le bon de commande est établi de nouveau : {describe_sending(order)}",
        ],
        button="Ouvrir la commande",
        notes=[describe_reference(order)],
    )


kinds.register(notifications.PLACED, label="Commande enregistrée", render=render_placed)
kinds.register(notifications.IN_REVIEW, label="Commande à vérifier", render=render_in_review)
kinds.register(notifications.RIGHTS_OPENED, label="Droits temporaires ouverts", render=render_rights_opened)
kinds.register(notifications.REMINDER, label="Rappel de bon de commande", render=render_reminder)
kinds.register(notifications.LAPSED, label="Droits temporaires échus", render=render_lapsed)
kinds.register(notifications.SCAN_RECEIVED, label="Bon de commande reçu", render=render_scan_received)
kinds.register(notifications.SCAN_REFUSED, label="Bon de commande refusé", render=render_scan_refused)
kinds.register(notifications.PROLONGED, label="Droits temporaires prolongés", render=render_prolonged)
kinds.register(notifications.RESTORED, label="Licences rétablies", render=render_restored)
kinds.register(notifications.STARTED, label="Licences utilisables", render=render_started)
kinds.register(notifications.VAT_CORRECTED, label="TVA corrigée", render=render_vat_corrected)
