"""Template tags of the operator's pages of our own: the menu; a client, an order's state, a validity, an e-mail."""

from django import template
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.calendar import date_in_paris
from licensing.entitlements.models import Entitlement
from licensing.entitlements.wording import format_validity
from licensing.orders.models import Order
from mailing import kinds
from mailing.models import Message
from sites.back_office.clients import get_client_url
from sites.back_office.order_status import describe_state
from sites.back_office.site import build_menu
from web.frame import MenuEntry

register = template.Library()


@register.simple_tag
def back_office_menu(request: HttpRequest) -> list[MenuEntry]:
    """Return the entries of the menu."""
    return build_menu(request)


@register.filter
def client_link(order: Order, name: str = "") -> SafeString | str:
    """Return the client's name, or the one given, as a link to their page; without one where nobody is known."""
    name = name or str(order.collectivity or order.school or order.bill_name or order.placed_by)
    url = get_client_url(order)
    return format_html('<a href="{}">{}</a>', url, name) if url else name


@register.filter
def validity(entitlement: Entitlement) -> str:
    """Return until when licences are valid, as a short date; while the order is unpaid, first until when for now."""
    return format_validity(entitlement, date_in_paris(timezone.now()))


@register.filter
def order_state(order: Order) -> str:
    """Return the state of an order, with that of its signed purchase order."""
    return describe_state(order)


@register.filter
def email_label(message: Message) -> str:
    """Return the French label of an e-mail's kind."""
    return kinds.get_label(message.kind)
