"""The documentation's texts in its templates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template

from api import prose

if TYPE_CHECKING:
    from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def told(text: str) -> SafeString:
    """Return a text of several paragraphs as HTML."""
    return prose.html(text)


@register.filter
def told_in_line(text: str) -> SafeString:
    """Return one paragraph's text as HTML."""
    return prose.inline(text)
