"""E-mails to the buyer about an order: what their templates say of it, and those sent until its purchase order is here.

Rendered at sending time, from current rows. They link to the order's page, where the documents are; only the terms that
a consumer accepted are attached: they are owed on a durable medium (docs/decisions/0112). Replies go to the seller.
"""

import dataclasses
import datetime
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.text import Truncator

from accounts.models import User
from core.calendar import date_in_paris
from core.contact_details import MAX_LENGTH
from core.links import portal_url
from licensing.catalogue import terms
from licensing.catalogue.models import Seller
from licensing.catalogue.terms import render_terms_pdf
from licensing.entitlements.models import Entitlement
from licensing.entitlements.wording import describe_start, format_until
from licensing.orders import order_events, payers
from licensing.orders.models import UNSIGNED_STATES, Order, OrderKind, OrderState, PurchaseOrderScan, ScanState
from licensing.orders.payers import is_paid_by_buyer
from licensing.orders.queries import get_last_withdrawal_day, is_consumer
from licensing.orders.rights import PROVISIONAL_DAYS, get_entitlement
from licensing.orders.settlement import PAYS_BY_IN_EMAILS
from mailing import kinds
from mailing.email_templates import render_email_template
from mailing.kinds import EmailAttachment, NoLongerDue, RenderedEmail, format_salutation
from mailing.models import Message

STATE_CHANGED = "La commande a changé d'état avant l'envoi."


def _say_nothing_more(_message: Message, _order: Order) -> dict[str, Any]:
    return {}


@dataclasses.dataclass(frozen=True, slots=True)
class OrderEmail:
    """A kind of e-mail about an order."""

    label: str
    #: Those of an order that it still says something true of; empty: all.
    states: tuple[OrderState, ...] = ()
    #: Returns what its template says beside `describe_order`. Raises `NoLongerDue`.
    read: Callable[[Message, Order], Mapping[str, Any]] = _say_nothing_more
    #: Whether what it says still holds, given the rights of the order; None where it says nothing of them.
    holds: Callable[[Entitlement], bool] | None = None
    #: Whether it confirms the order: to a consumer with the terms.
    confirms: bool = False


def register_order_emails(app: str, emails: Mapping[str, OrderEmail]) -> None:
    """Register the e-mails of an app; the template of `order.placed` is `<app>/emails/placed.txt`."""
    for kind, email in emails.items():
        template = f"{app}/emails/{kind.removeprefix('order.')}.txt"
        kinds.register(kind, label=email.label, render=partial(render_order_email, email, template))


def render_order_email(email: OrderEmail, template: str, message: Message) -> RenderedEmail:
    """Render the message for sending. Raises `NoLongerDue`."""
    order = Order.objects.select_related("placed_by", "school", "collectivity").get(pk=message.context["order"])
    is_due = not email.states or order.state in email.states
    if not is_due or (email.holds is not None and not email.holds(get_entitlement(order))):
        raise NoLongerDue(STATE_CHANGED)
    context = {**describe_order(order), **email.read(message, order)}
    reader = User.objects.filter(pk=message.context["user"], is_active=True).first()
    if reader is None:
        raise NoLongerDue("Le compte a été fermé avant l'envoi.")
    rendered = render_email_template(
        template, context, address=context["address"], greeting=format_salutation(reader.first_name)
    )
    attachments = attach_terms(order) if email.confirms else ()
    return dataclasses.replace(rendered, reply_to=context["reply_to"], attachments=attachments)


def describe_order(order: Order) -> dict[str, Any]:
    """Return the names that the template of each e-mail about an order may use.

    `start` is empty once the licences are used; `validity` says until when they are, `withdrawal_until` until when a
    consumer may withdraw. Of `payer` no more than of any name that somebody typed; it is whole on the invoice.
    """
    today = get_today()
    line = order.lines.select_related("school_year", "entitlement").get()
    withdrawal_until = get_last_withdrawal_day(order)
    seller = Seller.objects.first()
    return {
        "order": order,
        "address": (
            portal_url(f"boutique/commandes/{order.pk}/")
            if order.collectivity is None
            else order.collectivity.office_url(f"/achats/{order.pk}/")
        ),
        "line": line,
        "entitlement": line.entitlement,
        "start": line.entitlement and describe_start(line.entitlement, today),
        "validity": line.entitlement and format_until(line.entitlement, today),
        "provisional_days": PROVISIONAL_DAYS,
        "payer": Truncator(order.bill_name).chars(MAX_LENGTH),
        "is_paid_by_buyer": is_paid_by_buyer(order),
        # `licensing.payments` is the app above: it opens card payments under the same setting.
        "can_pay_by_card": order.kind == OrderKind.SHOP and bool(settings.CARD_VARIANT),
        "pays_by": PAYS_BY_IN_EMAILS,
        "missing": lambda: payers.check_order(order).missing,
        "withdrawal_until": withdrawal_until if withdrawal_until and withdrawal_until >= today else None,
        "seller": seller,
        "reply_to": (seller and seller.email) or settings.CONTACT_EMAIL,
        "today": today,
    }


def attach_terms(order: Order) -> tuple[EmailAttachment, ...]:
    """Return the terms that a consumer accepted, with the model form of withdrawal; empty for other buyers.

    Of an order that is paid, by card alone: nothing confirmed it before.
    """
    is_confirmed = order.state == OrderState.PAID and order.has_purchase_order
    if is_confirmed or not is_consumer(order) or order.terms_version not in terms.VERSIONS:
        return ()
    return (
        EmailAttachment(
            filename=f"conditions-generales-de-vente-{order.terms_version}.pdf",
            content=render_terms_pdf(order.terms_version),
            content_type="application/pdf",
        ),
    )


def get_today() -> datetime.date:
    return date_in_paris(timezone.now())


def _read_awaited(_message: Message, order: Order) -> dict[str, Any]:
    """Return how many days are left of the wait for the purchase order. Raises `NoLongerDue` once it is over."""
    until = get_entitlement(order).provisional_until
    if until is None:
        raise NoLongerDue("Un bon de commande a été déposé avant l'envoi : il est à vérifier.")
    return {"left": (until - get_today()).days}


def _find_waiting_scan(_message: Message, order: Order) -> dict[str, Any]:
    return {"waiting": order.scans.filter(state=ScanState.WAITING).first()}


def _read_received_scan(message: Message, _order: Order) -> dict[str, Any]:
    scan = PurchaseOrderScan.objects.get(pk=message.context["scan"])
    if scan.state != ScanState.WAITING:
        raise NoLongerDue("Ce bon de commande a déjà été étudié, ou remplacé.")
    return {"scan": scan}


def _read_refused_scan(message: Message, order: Order) -> dict[str, Any]:
    scan = PurchaseOrderScan.objects.get(pk=message.context["scan"])
    if order.scans.filter(state=ScanState.WAITING).exists():
        raise NoLongerDue("Un autre bon de commande a été déposé avant l'envoi.")
    return {"scan": scan}


def _is_temporary(rights: Entitlement) -> bool:
    return rights.temporary_until is not None and rights.suspended_at is None


_IN_REVIEW, _PLACED, _CONFIRMED, _PAID = OrderState.IN_REVIEW, OrderState.PLACED, OrderState.CONFIRMED, OrderState.PAID
_OPEN = (_PLACED, _CONFIRMED, _PAID)

register_order_emails(
    "orders",
    {
        order_events.PLACED: OrderEmail("Commande enregistrée", (_PLACED,), _read_awaited, confirms=True),
        order_events.IN_REVIEW: OrderEmail("Commande à vérifier", (_IN_REVIEW,), confirms=True),
        order_events.RIGHTS_OPENED: OrderEmail("Droits temporaires ouverts", (_PLACED,), holds=_is_temporary),
        order_events.REMINDER: OrderEmail("Rappel de bon de commande", (_PLACED,), _read_awaited),
        order_events.LAPSED: OrderEmail("Droits temporaires échus", (OrderState.LAPSED,), _find_waiting_scan),
        order_events.SCAN_RECEIVED: OrderEmail("Bon de commande reçu", UNSIGNED_STATES, _read_received_scan),
        order_events.SCAN_REFUSED: OrderEmail("Bon de commande refusé", UNSIGNED_STATES, _read_refused_scan),
        order_events.PROLONGED: OrderEmail("Droits temporaires prolongés", (_PLACED, _CONFIRMED), holds=_is_temporary),
        order_events.RESTORED: OrderEmail(
            "Licences rétablies", _OPEN, holds=lambda rights: rights.available_on(get_today())
        ),
        order_events.STARTED: OrderEmail(
            "Licences utilisables", _OPEN, holds=lambda rights: rights.usable_on(get_today())
        ),
        order_events.VAT_CORRECTED: OrderEmail("TVA corrigée", UNSIGNED_STATES),
    },
)
