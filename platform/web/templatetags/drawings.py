"""Template tag that inlines a drawing: pages need no request for it, and its colours are those of the identity."""

import re

from django import template
from django.template.loader import get_template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

SIZES = ("icon", "small", "medium", "large")
_NAME = re.compile(r"[a-z]+(?:[/-][a-z]+)*")


@register.simple_tag
def drawing(name: str, size: str = "small") -> SafeString:
    """Return the drawing web/drawings/NAME.svg in a box of a size: icon, small, medium or large.

    It tells nothing that the text beside it does not: screen readers skip it. Raises `ValueError` for what is
    no name or no size, and as any template that is missing where nobody drew it.
    """
    if not _NAME.fullmatch(name) or size not in SIZES:
        raise ValueError(f"No drawing is called {name!r} with the size {size!r}.")
    image = get_template(f"web/drawings/{name}.svg").render()
    return format_html('<span class="drawing drawing-{}">{}</span>', size, mark_safe(image))  # noqa: S308 - our own file
