"""What the frame of a page asks for: the office's menu, as the member's roles have it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django import template
from django.urls import NoReverseMatch, resolve, reverse

from web import typography
from web.access import policy_of

if TYPE_CHECKING:
    from decimal import Decimal

    from django.http import HttpRequest

register = template.Library()

OFFICE = (
    ("home", "Accueil"),
    ("pools:lots", "Lots"),
    ("purchases:list", "Achats"),
    ("pools:allocations", "Attributions"),
    ("imports:list", "Imports"),
    ("remit:list", "Écoles"),
    ("messages:list", "Messages"),
    ("members:list", "Membres"),
    ("office_settings", "Réglages"),
    ("journal", "Journal"),
    ("tokens:list", "API"),
)


@dataclass(frozen=True)
class Entry:
    """One line of the menu; `current`: the page that is open lies under it, and under no other more closely."""

    url: str
    label: str
    current: bool


@functools.cache
def _doors() -> tuple[tuple[str, str, frozenset[str]], ...]:
    """Return address, label and roles of each page of the menu. The roles are those of the page's own policy."""
    doors = []
    for name, label in OFFICE:
        try:
            url = reverse(name, urlconf="config.urls_tenant")
        except NoReverseMatch:
            continue
        policy = policy_of(resolve(url, urlconf="config.urls_tenant").func)
        doors.append((url, label, frozenset(getattr(policy, "roles", ()))))
    return tuple(doors)


@register.simple_tag
def office_menu(request: HttpRequest) -> list[Entry]:
    """Return the pages that the member may open; nothing for whoever is not let in."""
    member = getattr(request, "member", None)
    if member is None:
        return []
    held = set(member.roles)
    shown = [(url, label) for url, label, roles in _doors() if not roles or roles & held]
    above = (url for url, _ in shown if request.path == url or (url != "/" and request.path.startswith(url)))
    current = max(above, key=len, default=None)
    return [Entry(url, label, current=url == current) for url, label in shown]


@register.filter
def french(sentence: object) -> str:
    """Return the sentence with the spaces that do not break where French wants them."""
    return typography.spaced(str(sentence))


@register.filter
def euros(amount: Decimal) -> str:
    """Return « 1 199,00 € »."""
    return typography.euros(amount)


@register.filter
def per_cent(rate: Decimal) -> str:
    """Return « 20 % »."""
    return typography.per_cent(rate)
