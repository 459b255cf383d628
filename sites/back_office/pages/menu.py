"""The menu of the operator's pages of our own."""

from __future__ import annotations

from django.http import HttpRequest
from django.urls import reverse

from web.frame import MenuEntry

#: View name in the admin's namespace, label, and the other views whose pages belong to the entry.
PAGES: tuple[tuple[str, str, frozenset[str]], ...] = (
    ("index", "Ce qui attend", frozenset({"waiting_list", "waiting_order"})),
    ("month", "Le mois en chiffres", frozenset({"month_of"})),
    ("year", "L’année, par collectivité", frozenset({"year_of"})),
    ("everything", "Toute l’administration", frozenset()),
)


def build_menu(request: HttpRequest) -> list[MenuEntry]:
    """Return the entries of the menu, the one of the current page marked."""
    match = request.resolver_match
    current = match.url_name if match else None
    return [
        MenuEntry(reverse(f"admin:{name}"), label, current == name or current in others)
        for name, label, others in PAGES
    ]
