"""Template tags of the operator's pages of our own."""

from __future__ import annotations

from django import template
from django.http import HttpRequest

from sites.back_office.pages.menu import build_menu
from web.frame import MenuEntry

register = template.Library()


@register.simple_tag
def back_office_menu(request: HttpRequest) -> list[MenuEntry]:
    """Return the entries of the menu."""
    return build_menu(request)
