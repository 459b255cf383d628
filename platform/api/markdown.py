"""Renders the subset of Markdown that the API documentation uses as HTML.

Headings of two levels, paragraphs, lists, fenced blocks, `code`, **strong** and [links](/a/path). Anything else is
escaped and shown as written; HTML in the source is never interpreted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify

from core import formatting

if TYPE_CHECKING:
    from collections.abc import Iterator

_FENCE = re.compile(r"^```(\w*)$")
_HEADING = re.compile(r"^(#{2,3}) (.+)$")
_ITEM = re.compile(r"^(?:- |\d+\. )(.*)$")
_INLINE = re.compile(r"`(?P<code>[^`]+)`|\*\*(?P<strong>[^*]+)\*\*|\[(?P<words>[^\]]+)\]\((?P<address>[^)\s]+)\)")

#: Output of an example, labelled for screen readers as well.
_OUTPUT_FIGURE = '<figure class="printed"><figcaption>Ce qui s’affiche :</figcaption>{}</figure>'


def render_inline(text: str) -> SafeString:
    """Render inline markup, with French non-breaking spaces outside of code."""
    parts, position = [], 0
    for match in _INLINE.finditer(text):
        parts.append(escape(formatting.add_nonbreaking_spaces(text[position : match.start()])))
        parts.append(_render_mark(match))
        position = match.end()
    parts.append(escape(formatting.add_nonbreaking_spaces(text[position:])))
    return mark_safe("".join(parts))  # noqa: S308 - each part is escaped above


def _render_mark(match: re.Match[str]) -> SafeString:
    if (code := match["code"]) is not None:
        return format_html("<code>{}</code>", code)
    if (strong := match["strong"]) is not None:
        return format_html("<strong>{}</strong>", formatting.add_nonbreaking_spaces(strong))
    return format_html('<a href="{}">{}</a>', match["address"], formatting.add_nonbreaking_spaces(match["words"]))


def render_blocks(text: str) -> SafeString:
    """Render a text of several blocks."""
    return mark_safe("\n".join(_iter_blocks(text)))  # noqa: S308 - made of escaped parts


def list_headings(text: str) -> list[tuple[str, str]]:
    """Return the anchor and text of each level 2 heading."""
    matches = (_HEADING.match(line) for line in _lines_outside_fences(text))
    return [(slugify(match[2]), match[2]) for match in matches if match is not None and match[1] == "##"]


def _lines_outside_fences(text: str) -> Iterator[str]:
    inside = False
    for line in text.splitlines():
        if _FENCE.match(line):
            inside = not inside
        elif not inside:
            yield line


def _iter_blocks(text: str) -> Iterator[SafeString]:
    lines = iter([*text.splitlines(), ""])
    pending_lines: list[str] = []
    for line in lines:
        fence, heading, item = _FENCE.match(line), _HEADING.match(line), _ITEM.match(line)
        if not (fence or heading or item or not line.strip()):
            pending_lines.append(line.strip())
            continue
        if pending_lines and not (item and _ITEM.match(pending_lines[0])):
            yield _render_paragraph_or_list(pending_lines)
            pending_lines = []
        if fence:
            content = "\n".join(iter(lambda: next(lines, "```"), "```"))
            shown = format_html('<pre class="sample"><code>{}</code></pre>', content)
            yield format_html(_OUTPUT_FIGURE, shown) if fence[1] == "text" else shown
        elif heading:
            tag = f"h{len(heading[1])}"
            yield format_html(
                '<{} id="{}">{}</{}>', mark_safe(tag), slugify(heading[2]), render_inline(heading[2]), mark_safe(tag)  # noqa: S308 - « h2 », « h3 »
            )  # fmt: skip
        elif item:
            pending_lines.append(line)


def _render_paragraph_or_list(lines: list[str]) -> SafeString:
    """Render a paragraph, or a list if the first line is a list item."""
    if _ITEM.match(lines[0]) is None:
        return format_html("<p>{}</p>", render_inline(" ".join(lines)))
    items: list[str] = []
    for line in lines:
        match = _ITEM.match(line)
        if match is not None:
            items.append(match[1])
        else:
            items[-1] = f"{items[-1]} {line}"
    tag = "ul" if lines[0].startswith("-") else "ol"
    inner = mark_safe("".join(format_html("<li>{}</li>", render_inline(item)) for item in items))  # noqa: S308 - escaped
    return format_html("<{}>{}</{}>", mark_safe(tag), inner, mark_safe(tag))  # noqa: S308 - « ul », « ol »
