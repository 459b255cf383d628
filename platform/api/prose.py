"""The documentation's texts as HTML: the little of Markdown that the API's descriptions and « Prise en main » use.

Headings of two levels, paragraphs, lists, fenced blocks, `code`, **strong** and [links](/an/address). Whatever else
stands in a text is shown as it is written; nothing of it is HTML.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify

from web import typography

if TYPE_CHECKING:
    from collections.abc import Iterator

_FENCE = re.compile(r"^```(\w*)$")
_HEADING = re.compile(r"^(#{2,3}) (.+)$")
_ITEM = re.compile(r"^(?:- |\d+\. )(.*)$")
_INLINE = re.compile(r"`(?P<code>[^`]+)`|\*\*(?P<strong>[^*]+)\*\*|\[(?P<words>[^\]]+)\]\((?P<address>[^)\s]+)\)")

#: What an example prints stands apart from it, in words as well.
_PRINTED = '<figure class="printed"><figcaption>Ce qui s’affiche :</figcaption>{}</figure>'


def inline(text: str) -> SafeString:
    """Return one paragraph's text with its marks; spaces that do not break where French wants them, but in code."""
    parts, place = [], 0
    for found in _INLINE.finditer(text):
        parts.append(escape(typography.spaced(text[place : found.start()])))
        parts.append(_marked(found))
        place = found.end()
    parts.append(escape(typography.spaced(text[place:])))
    return mark_safe("".join(parts))  # noqa: S308 - each part is escaped above


def _marked(found: re.Match[str]) -> SafeString:
    if (code := found["code"]) is not None:
        return format_html("<code>{}</code>", code)
    if (strong := found["strong"]) is not None:
        return format_html("<strong>{}</strong>", typography.spaced(strong))
    return format_html('<a href="{}">{}</a>', found["address"], typography.spaced(found["words"]))


def html(text: str) -> SafeString:
    """Return the whole text."""
    return mark_safe("\n".join(_blocks(text)))  # noqa: S308 - made of escaped parts


def headings(text: str) -> list[tuple[str, str]]:
    """Return anchor and words of each heading of the first level."""
    found = (_HEADING.match(line) for line in _outside_fences(text))
    return [(slugify(one[2]), one[2]) for one in found if one is not None and one[1] == "##"]


def _outside_fences(text: str) -> Iterator[str]:
    inside = False
    for line in text.splitlines():
        if _FENCE.match(line):
            inside = not inside
        elif not inside:
            yield line


def _blocks(text: str) -> Iterator[SafeString]:
    lines = iter([*text.splitlines(), ""])
    gathered: list[str] = []
    for line in lines:
        fence, heading, item = _FENCE.match(line), _HEADING.match(line), _ITEM.match(line)
        if not (fence or heading or item or not line.strip()):
            gathered.append(line.strip())
            continue
        if gathered and not (item and _ITEM.match(gathered[0])):
            yield _gathered(gathered)
            gathered = []
        if fence:
            content = "\n".join(iter(lambda: next(lines, "```"), "```"))
            shown = format_html('<pre class="sample"><code>{}</code></pre>', content)
            yield format_html(_PRINTED, shown) if fence[1] == "text" else shown
        elif heading:
            tag = f"h{len(heading[1])}"
            yield format_html(
                '<{} id="{}">{}</{}>', mark_safe(tag), slugify(heading[2]), inline(heading[2]), mark_safe(tag)  # noqa: S308 - « h2 », « h3 »
            )  # fmt: skip
        elif item:
            gathered.append(line)


def _gathered(lines: list[str]) -> SafeString:
    """Return a paragraph, or a list where the first line begins one."""
    if _ITEM.match(lines[0]) is None:
        return format_html("<p>{}</p>", inline(" ".join(lines)))
    items: list[str] = []
    for line in lines:
        found = _ITEM.match(line)
        if found is not None:
            items.append(found[1])
        else:
            items[-1] = f"{items[-1]} {line}"
    tag = "ul" if lines[0].startswith("-") else "ol"
    inner = mark_safe("".join(format_html("<li>{}</li>", inline(item)) for item in items))  # noqa: S308 - escaped
    return format_html("<{}>{}</{}>", mark_safe(tag), inner, mark_safe(tag))  # noqa: S308 - « ul », « ol »
