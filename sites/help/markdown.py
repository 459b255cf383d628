"""Renders the Markdown of the guides as HTML, with markdown-it-py: HTML in it is never interpreted."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString
from django.utils.text import slugify
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererProtocol
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from PIL import Image

from core.formatting import add_nonbreaking_spaces
from sites.help.guides import BY_FILE_NAME, DOCUMENTS

_NUMBER = re.compile(r"\A\d+\.\s+")
#: Browsers break the line after its « e- ». A non-breaking hyphen would hide the word from searches in the page.
_E_MAIL = re.compile(r"\be-mail", re.IGNORECASE)


@dataclass(frozen=True)
class GuideSection:
    """A heading of a guide's contents."""

    anchor: str
    title: str
    #: 2 or 3.
    level: int


@dataclass(frozen=True)
class RenderedGuide:
    """A guide as its page shows it."""

    title: str
    body: SafeString
    sections: tuple[GuideSection, ...]


def make_anchor(title: str) -> str:
    """Return the anchor of a heading, which its number does not change: « 2. La boutique » is « la-boutique »."""
    return slugify(_NUMBER.sub("", title).replace("’", " ").replace("'", " "))


def parse_guide(text: str) -> tuple[str, list[Token]]:
    """Return the title of a guide, its first heading, and its other blocks; headings have their anchors."""
    tokens = _PARSER.parse(text)
    for opening, content in itertools.pairwise(tokens):
        if opening.type == "heading_open":
            opening.attrSet("id", make_anchor(content.content))
        elif opening.type == "th_open":
            opening.attrSet("scope", "col")
    return add_nonbreaking_spaces(tokens[1].content), tokens[3:]


@functools.cache
def render_guide(text: str) -> RenderedGuide:
    """Return a guide as a page: its first heading is the page's title, pictures and other guides are linked."""
    title, tokens = parse_guide(text)
    sections = tuple(
        GuideSection(str(opening.attrGet("id")), add_nonbreaking_spaces(content.content), int(opening.tag[1]))
        for opening, content in itertools.pairwise(tokens)
        if opening.type == "heading_open" and opening.tag in ("h2", "h3")
    )
    # The parser escapes HTML, and so do the rules below.
    return RenderedGuide(title, SafeString(_PARSER.renderer.render(tokens, _PARSER.options, {})), sections)


def render_blocks(text: str) -> SafeString:
    """Return paragraphs and lists in HTML."""
    return SafeString(_PARSER.render(text))


def _render_text(
    _renderer: RendererProtocol, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: Any
) -> str:
    return _E_MAIL.sub(r'<span class="text-nowrap">\g<0></span>', escape(add_nonbreaking_spaces(tokens[index].content)))


def _render_picture(
    _renderer: RendererProtocol, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: Any
) -> str:
    """Render a picture of `docs/images`, with its size so that the text below it does not move."""
    token = tokens[index]
    name = str(token.attrGet("src")).removeprefix("images/")
    with Image.open(DOCUMENTS / "images" / name) as picture:
        width, height = picture.size
    return format_html(
        '<img class="guide-picture" src="{}" alt="{}" width="{}" height="{}" loading="lazy">',
        static(f"guides/{name}"),
        token.content,
        width,
        height,
    )


def _render_link(renderer: Any, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
    """Render a link: to another guide, to its page; to a document for engineers, as its text alone."""
    token = tokens[index]
    name, mark, anchor = str(token.attrGet("href")).partition("#")
    if name in BY_FILE_NAME:
        token.attrSet(
            "href", reverse("guide", args=[BY_FILE_NAME[name].slug], urlconf="config.urls_public") + mark + anchor
        )
    elif name.endswith(".md"):
        token.tag = "span"
        token.attrs.clear()
        next(one for one in tokens[index:] if one.type == "link_close").tag = "span"
    return str(renderer.renderToken(tokens, index, options, env))


def _open_table(
    _renderer: RendererProtocol, _tokens: Sequence[Token], _index: int, _options: OptionsDict, env: Any
) -> str:
    """Open a table in a region that scrolls, each with a name of its own."""
    env["tables"] = env.get("tables", 0) + 1
    region = '<div class="table-responsive" tabindex="0" role="region" aria-label="Tableau {}"><table class="table">\n'
    return format_html(region, env["tables"])


def _close_table(
    _renderer: RendererProtocol, _tokens: Sequence[Token], _index: int, _options: OptionsDict, _env: Any
) -> str:
    return "</table></div>\n"


def _render_sample(
    _renderer: RendererProtocol, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: Any
) -> str:
    """Render a sample of code, which the keyboard can scroll."""
    return format_html('<pre tabindex="0"><code>{}</code></pre>\n', tokens[index].content)


def _build_parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    for name, rule in (
        ("text", _render_text),
        ("image", _render_picture),
        ("link_open", _render_link),
        ("fence", _render_sample),
        ("table_open", _open_table),
        ("table_close", _close_table),
    ):
        parser.add_render_rule(name, rule)
    return parser


_PARSER = _build_parser()
