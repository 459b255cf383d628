"""Renders the Markdown of the API documentation as HTML, with markdown-it-py.

Headings, paragraphs, lists, fenced blocks, `code`, **strong** and [links](/a/path). Anything else is escaped and shown
as written; HTML in the source is never interpreted.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from django.utils.html import escape, format_html
from django.utils.safestring import SafeString
from django.utils.text import slugify
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererProtocol
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

from core import formatting

#: Output of an example, labelled for screen readers as well.
_OUTPUT_FIGURE = '<figure class="printed"><figcaption>Ce qui s’affiche :</figcaption>{}</figure>\n'


def _render_text(
    _renderer: RendererProtocol, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: Any
) -> str:
    """Escape text outside of code, with French non-breaking spaces."""
    return escape(formatting.add_nonbreaking_spaces(tokens[index].content))


def _render_line_break(
    _renderer: RendererProtocol, _tokens: Sequence[Token], _index: int, _options: OptionsDict, _env: Any
) -> str:
    """Join the lines of a paragraph: a non-breaking space is looked for after joining."""
    return " "


def _render_fence(
    _renderer: RendererProtocol, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: Any
) -> str:
    """Render a fenced block; one of `text` is what an example prints."""
    token = tokens[index]
    sample = format_html('<pre class="sample"><code>{}</code></pre>', token.content.removesuffix("\n"))
    return format_html(_OUTPUT_FIGURE, sample) if token.info == "text" else f"{sample}\n"


def _build_parser() -> MarkdownIt:
    parser = MarkdownIt("zero", {"html": False})
    parser.enable(["heading", "list", "fence", "backticks", "emphasis", "link", "newline"])
    parser.add_render_rule("text", _render_text)
    parser.add_render_rule("softbreak", _render_line_break)
    parser.add_render_rule("fence", _render_fence)
    return parser


_PARSER = _build_parser()


def render_inline(text: str) -> SafeString:
    """Render one paragraph without its `<p>`."""
    # The parser escapes HTML, as the text rule above does.
    return SafeString(_PARSER.renderInline(text))


def render_blocks(text: str) -> SafeString:
    """Render a text of several blocks; each heading gets an anchor."""
    tokens = _PARSER.parse(text)
    for opening, content in itertools.pairwise(tokens):
        if opening.type == "heading_open":
            opening.attrSet("id", slugify(content.content))
    return SafeString(_PARSER.renderer.render(tokens, _PARSER.options, {}).strip())


def list_headings(text: str) -> list[tuple[str, str]]:
    """Return the anchor and text of each level 2 heading."""
    tokens = _PARSER.parse(text)
    return [
        (slugify(content.content), content.content)
        for opening, content in itertools.pairwise(tokens)
        if opening.type == "heading_open" and opening.tag == "h2"
    ]
