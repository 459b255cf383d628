"""The link « Aide » of a page, to its place in the guides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template
from django.utils.html import format_html

from web.help_places import find_help

if TYPE_CHECKING:
    from django.template import Context

register = template.Library()


@register.simple_tag(takes_context=True)
def help_link(context: Context) -> str:
    """Return the link to the page's place in the guides; nothing on a page that answers no request, as of a failure."""
    request = context.get("request")
    if request is None:
        return ""
    link = '<a class="help-link" href="{}">Aide<span class="visually-hidden"> sur cette page</span></a>'
    return format_html(link, find_help(request))
