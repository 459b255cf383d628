"""Template filters that render the documentation's Markdown."""

from django import template
from django.utils.safestring import SafeString

from api import documentation as renderer

register = template.Library()


@register.filter
def markdown(text: str) -> SafeString:
    """Render a Markdown text of several blocks as HTML."""
    return renderer.render_blocks(text)


@register.filter
def markdown_inline(text: str) -> SafeString:
    """Render one paragraph of Markdown as inline HTML."""
    return renderer.render_inline(text)
