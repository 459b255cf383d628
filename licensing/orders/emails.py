"""E-mails to the buyer while the purchase order is awaited, and the parts that all e-mails about orders share.

Rendered at sending time, from current rows.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence

from django.conf import settings
from django.utils import timezone
from django.utils.text import Truncator

from accounts.models import Profile, User
from core import formatting
from core.calendar import date_in_paris
from core.contact_details import MAX_LENGTH
from core.links import portal_url
from licensing.catalogue import terms
from licensing.catalogue.models import Seller
from licensing.catalogue.terms import render_terms_pdf
from licensing.entitlements import wording
from licensing.entitlements.wording import describe_start, format_long_date
from licensing.orders import order_events, payers
from licensing.orders.models import Order, OrderKind, OrderState, PurchaseOrderScan, ScanState
from licensing.orders.payers import is_paid_by_buyer
from licensing.orders.queries import get_last_withdrawal_day, is_consumer
from licensing.orders.rights import PROVISIONAL_DAYS, get_entitlement
from mailing import kinds
from mailing.kinds import EmailAttachment, NoLongerDue, RenderedEmail, format_salutation, render_email
from mailing.models import Message

# Parts shared by the e-mails about orders: the order as it is at sending time, and its wording.
#
# E-mails link to the order's page, where the documents are. Only the terms that a consumer accepted are attached: they
# are owed on a durable medium (docs/decisions/0112). Replies go to the seller.

#: What a suspension means, whatever its cause.
SUSPENSION_NOTICE = (
    "Vos licences ne peuvent plus être ni attribuées, ni utilisées en classe. Rien n'est supprimé : classes, comptes "
    "des élèves et attributions sont conservés"
)
STATE_CHANGED = "La commande a changé d'état avant l'envoi."


def get_order(message: Message, *states: OrderState) -> Order:
    """Return the order of a message. Raises `NoLongerDue` if it is in none of `states`, when any are given."""
    order = Order.objects.select_related("placed_by", "school", "collectivity").get(pk=message.context["order"])
    if states and order.state not in states:
        raise NoLongerDue(STATE_CHANGED)
    return order


def get_awaited_order(message: Message) -> tuple[Order, datetime.date]:
    """Return the order of a message and the last day of its provisional rights.

    Raises `NoLongerDue` if its purchase order is no longer awaited.
    """
    order = get_order(message, OrderState.PLACED)
    until = get_entitlement(order).provisional_until
    if until is None:
        raise NoLongerDue("Un bon de commande a été déposé avant l'envoi : il est à vérifier.")
    return order, until


def describe_order(order: Order) -> str:
    """Return the product and price of an order, on one line."""
    line = order.lines.get()
    many = f"{formatting.number(line.billed_quantity)} × " if line.billed_quantity > 1 else ""
    credited = f", dont {formatting.euros(order.credited)} repris par avoir" if order.credited else ""
    return f"{many}{line.description}, {formatting.euros(order.total_ttc)} TTC{credited}"


def describe_reference(order: Order) -> str:
    """Return the order's number, date and content, for e-mails that do not start with them."""
    return f"{order} du {format_day(order.placed_at or order.created_at)} : {describe_order(order)}."


def describe_licences(order: Order) -> str:
    """Return a sentence on where the order's licences are found, and from when they are used if that is to come."""
    start = describe_start(get_entitlement(order), get_today())
    place = _describe_place(order, start)
    if not start:
        return place
    used = "Elle s'utilise" if order.lines.get().quantity == 1 else "Elles s'utilisent"
    return f"{place} {used} en classe {start}."


def _describe_place(order: Order, start: str) -> str:
    line = order.lines.select_related("school_year").get()
    if order.kind == OrderKind.PURCHASE:
        many = f"les {formatting.pluralize(line.remaining, 'licence')}" if line.remaining > 1 else "la licence"
        return (
            f"Le lot « Achat {line.school_year} (commande n° {order.pk}) » est ouvert dans votre bureau : vous pouvez "
            f"en attribuer {many}."
        )
    if order.placed_by is not None and order.placed_by.profile == Profile.TEACHER:
        if start:
            return "Votre licence est dans « Mon compte »."
        return "Votre licence est active : vous la retrouvez dans « Mon compte », avec votre classe."
    if line.remaining == 1:
        return "Votre licence est dans « Mon compte » : attribuez-la à un enseignant."
    return (
        f"Vos {formatting.pluralize(line.remaining, 'licence')} sont dans « Mon compte » : attribuez-les à vos"
        " enseignants."
    )


def describe_sending(order: Order) -> str:
    seller = Seller.objects.first()
    post = (
        f"par courrier à {seller.name}, {seller.address}, {seller.postal_code} {seller.city}"
        if seller
        else "par courrier"
    )
    card_option = " Vous pouvez aussi régler par carte, depuis la même page." if can_pay_by_card(order) else ""
    # No more of it in an e-mail than of any name that somebody typed.
    payer = Truncator(order.bill_name).chars(MAX_LENGTH)
    signed = (
        "complétez-le s'il le faut, signez-le"
        if is_paid_by_buyer(order)
        else f"faites-le compléter, signer et tamponner par « {payer} », qui paie"
    )
    return (
        f"Téléchargez le bon de commande, {signed}, puis renvoyez-le {post}, ou déposez le document numérisé sur la "
        f"page de la commande.{card_option}"
    )


def can_pay_by_card(order: Order) -> bool:
    # `licensing.payments` is the app above: it opens card payments under the same setting.
    return order.kind == OrderKind.SHOP and bool(settings.CARD_VARIANT)


def describe_withdrawal(order: Order) -> list[str]:
    """Return the note on a consumer's right to withdraw, with its page; empty if the buyer has none."""
    last = get_last_withdrawal_day(order)
    if last is None or last < get_today():
        return []
    return [
        f"Jusqu'au {formatting.long_date(last)} inclus, vous pouvez renoncer à cette commande sans donner de motif.",
        f"Renoncer au contrat ici : {_order_url(order)}renoncer/",
        "Les conditions générales de vente que vous avez acceptées sont jointes, avec le formulaire de rétractation.",
    ]


def attach_terms(order: Order) -> tuple[EmailAttachment, ...]:
    """Return the terms that a consumer accepted, with the model form of withdrawal; empty for other buyers."""
    if not is_consumer(order) or order.terms_version not in terms.VERSIONS:
        return ()
    return (
        EmailAttachment(
            filename=f"conditions-generales-de-vente-{order.terms_version}.pdf",
            content=render_terms_pdf(order.terms_version),
            content_type="application/pdf",
        ),
    )


def describe_missing(order: Order) -> list[str]:
    """Return a paragraph on the details the invoice still needs; empty if complete."""
    missing = payers.check_order(order).missing
    if not missing:
        return []
    details = "une information ; complétez-la" if len(missing) == 1 else "des informations ; complétez-les"
    return [
        f"Pour établir la facture, il nous manque encore {details} sur la page de la commande. "
        + " ".join(one.sentence for one in missing)
    ]


def build_email(
    message: Message,
    order: Order,
    *,
    subject: str,
    paragraphs: Sequence[str],
    button: str,
    notes: Sequence[str] = (),
    attachments: tuple[EmailAttachment, ...] = (),
) -> RenderedEmail:
    reader = User.objects.filter(pk=message.context["user"], is_active=True).first()
    if reader is None:
        raise NoLongerDue("Le compte a été fermé avant l'envoi.")
    email = render_email(
        greeting=format_salutation(reader.first_name),
        subject=_format_spaces(subject),
        paragraphs=[_format_spaces(paragraph) for paragraph in paragraphs],
        button=button,
        address=_order_url(order),
        notes=[_format_spaces(note) for note in notes],
    )
    return dataclasses.replace(email, reply_to=get_reply_to(), attachments=attachments)


def _order_url(order: Order) -> str:
    if order.collectivity is not None:
        return order.collectivity.office_url(f"/achats/{order.pk}/")
    return portal_url(f"boutique/commandes/{order.pk}/")


def get_reply_to() -> str:
    return Seller.objects.values_list("email", flat=True).first() or settings.CONTACT_EMAIL


def _format_spaces(sentence: str) -> str:
    return formatting.add_nonbreaking_spaces(sentence).replace("n° ", f"n°{formatting.NO_BREAK_SPACE}")


def format_day(at: datetime.datetime) -> str:
    return formatting.long_date(date_in_paris(at))


def get_today() -> datetime.date:
    return date_in_paris(timezone.now())


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


kinds.register(order_events.PLACED, label="Commande enregistrée", render=render_placed)
kinds.register(order_events.IN_REVIEW, label="Commande à vérifier", render=render_in_review)
kinds.register(order_events.RIGHTS_OPENED, label="Droits temporaires ouverts", render=render_rights_opened)
kinds.register(order_events.REMINDER, label="Rappel de bon de commande", render=render_reminder)
kinds.register(order_events.LAPSED, label="Droits temporaires échus", render=render_lapsed)
kinds.register(order_events.SCAN_RECEIVED, label="Bon de commande reçu", render=render_scan_received)
kinds.register(order_events.SCAN_REFUSED, label="Bon de commande refusé", render=render_scan_refused)
kinds.register(order_events.PROLONGED, label="Droits temporaires prolongés", render=render_prolonged)
kinds.register(order_events.RESTORED, label="Licences rétablies", render=render_restored)
kinds.register(order_events.STARTED, label="Licences utilisables", render=render_started)
kinds.register(order_events.VAT_CORRECTED, label="TVA corrigée", render=render_vat_corrected)
