"""Parts shared by the e-mails about orders: the order as it is at sending time, and its wording.

E-mails link to the order's page, where the documents are. Only the terms that a consumer accepted are attached: they
are owed on a durable medium (docs/decisions/0111). Replies go to the seller.
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
from licensing.catalogue.terms_pdf import render_terms_pdf
from licensing.entitlements.wording import describe_start
from licensing.orders import preflight
from licensing.orders.models import Order, OrderKind, OrderState
from licensing.orders.payers import is_paid_by_buyer
from licensing.orders.rights import get_entitlement
from licensing.orders.withdrawal_period import get_last_withdrawal_day, is_consumer
from mailing.kinds import EmailAttachment, NoLongerDue, RenderedEmail, format_salutation, render_email
from mailing.models import Message

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
    missing = preflight.check_order(order).missing
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
