"""Template filters that render the documentation's Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template

from api import prose

if TYPE_CHECKING:
    from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def told(text: str) -> SafeString:
    """Render a Markdown text of several blocks as HTML."""
    return prose.html(text)


@register.filter
def told_in_line(text: str) -> SafeString:
    """Render one paragraph of Markdown as inline HTML."""
    return prose.inline(text)
