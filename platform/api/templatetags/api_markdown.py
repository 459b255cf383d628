"""Template filters that render the documentation's Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template

from api.documentation import markdown as renderer

if TYPE_CHECKING:
    from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def markdown(text: str) -> SafeString:
    """Render a Markdown text of several blocks as HTML."""
    return renderer.render_blocks(text)


@register.filter
def markdown_inline(text: str) -> SafeString:
    """Render one paragraph of Markdown as inline HTML."""
    return renderer.render_inline(text)
