"""Template tags of the base templates: the tenant's menu by role, and French formatting."""

from django import template
from django.http import HttpRequest
from django.template import Context

from core import formatting
from web.frame import OfficeMenu, PendingPage, build_menu, get_pending_page

register = template.Library()
register.filter("euros", formatting.euros)
register.filter("percent", formatting.percent)


@register.simple_tag
def office_menu(request: HttpRequest) -> OfficeMenu | None:
    """Return the menu of the member; None without a member."""
    member = getattr(request, "member", None)
    return None if member is None else build_menu(request.path, member.roles)


@register.filter
def french(sentence: object) -> str:
    """Return the sentence with French apostrophes and non-breaking spaces."""
    return formatting.curl_apostrophes(formatting.add_nonbreaking_spaces(str(sentence)))


@register.inclusion_tag("web/_pending_page.html", takes_context=True)
def pending_page_notice(context: Context) -> dict[str, PendingPage | None]:
    """Show what waits for the visitor once they are signed in; nothing where nothing does."""
    return {"pending": get_pending_page(context["request"]) if "request" in context else None}
