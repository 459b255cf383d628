"""The link « Aide » of a page, to its place in the guides."""

from django import template
from django.template import Context
from django.utils.html import format_html

from web.frame import HELP_PATH, find_help

register = template.Library()


@register.simple_tag(takes_context=True)
def help_link(context: Context) -> str:
    """Return the link to the page's place in the guides; nothing on those, and on a page of a failure."""
    request = context.get("request")
    if request is None or request.path.startswith(HELP_PATH):
        return ""
    link = '<a class="help-link" href="{}">Aide<span class="visually-hidden"> sur cette page</span></a>'
    return format_html(link, find_help(request))
