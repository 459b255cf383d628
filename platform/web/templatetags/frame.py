"""Template tags of the base templates: the tenant's menu by role, and French formatting."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django import template
from django.urls import NoReverseMatch, resolve, reverse

from core import formatting
from core import french as french_words
from web.access import get_policy
from web.pending_page import get_pending_page

if TYPE_CHECKING:
    from decimal import Decimal

    from django.http import HttpRequest
    from django.template import Context

    from web.pending_page import PendingPage

register = template.Library()

OFFICE_MENU = (
    ("home", "Accueil"),
    ("pools:pools", "Lots"),
    ("purchases:list", "Achats"),
    ("pools:allocations", "Attributions"),
    ("imports:list", "Imports"),
    ("portfolio:list", "Écoles"),
    ("messages:list", "Messages"),
    ("members:list", "Membres"),
    ("office_settings", "Réglages"),
    ("journal", "Journal"),
    ("tokens:list", "API"),
)


@dataclass(frozen=True)
class MenuEntry:
    """A menu entry; `current`: it is the closest match of the current path."""

    url: str
    label: str
    current: bool


@functools.cache
def _menu_pages() -> tuple[tuple[str, str, frozenset[str]], ...]:
    """Return URL, label and roles of each menu page. The roles are those of the page's access policy."""
    pages = []
    for name, label in OFFICE_MENU:
        try:
            url = reverse(name, urlconf="config.urls_tenant")
        except NoReverseMatch:
            continue
        policy = get_policy(resolve(url, urlconf="config.urls_tenant").func)
        pages.append((url, label, frozenset(getattr(policy, "roles", ()))))
    return tuple(pages)


@register.simple_tag
def office_menu(request: HttpRequest) -> list[MenuEntry]:
    """Return the pages that the member may open; empty without a member."""
    member = getattr(request, "member", None)
    if member is None:
        return []
    member_roles = set(member.roles)
    visible = [(url, label) for url, label, roles in _menu_pages() if not roles or roles & member_roles]
    matching_urls = (url for url, _ in visible if request.path == url or (url != "/" and request.path.startswith(url)))
    current_url = max(matching_urls, key=len, default=None)
    return [MenuEntry(url, label, current=url == current_url) for url, label in visible]


@register.filter
def french(sentence: object) -> str:
    """Return the sentence with French apostrophes and non-breaking spaces."""
    return french_words.curl_apostrophes(formatting.add_nonbreaking_spaces(str(sentence)))


@register.inclusion_tag("web/_pending_page.html", takes_context=True)
def pending_page_notice(context: Context) -> dict[str, PendingPage | None]:
    """Show what waits for the visitor once they are signed in; nothing where nothing does."""
    return {"pending": get_pending_page(context["request"]) if "request" in context else None}


@register.filter
def euros(amount: Decimal) -> str:
    """Return « 1 199,00 € »."""
    return formatting.euros(amount)


@register.filter
def percent(rate: Decimal) -> str:
    """Return « 20 % »."""
    return formatting.percent(rate)
