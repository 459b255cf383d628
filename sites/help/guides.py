"""The guides: which there are, their texts in `docs/`, each as a page and as a PDF; HTML in them is only text."""

import datetime
import functools
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString
from django.utils.text import slugify
from fpdf.enums import TableBordersLayout, XPos, YPos
from fpdf.fonts import FontFace
from fpdf.outline import TableOfContents
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from PIL import Image

from accounts.models import Profile, User
from core.documents import ACCOUNTING_FONT, PdfDocument
from core.formatting import add_nonbreaking_spaces, long_date
from core.links import portal_url

DOCUMENTS = settings.ROOT / "docs"


@dataclass(frozen=True)
class Guide:
    """A guide of one profile, in Markdown."""

    slug: str
    file_name: str
    #: Whom it is for, in French.
    readers: str
    #: What it explains, in French.
    summary: str
    #: The profile whose accounts it is for; empty for the operator's, which nobody else is shown.
    profile: str

    @property
    def path(self) -> Path:
        """Return the file of its text."""
        return DOCUMENTS / self.file_name

    def url(self) -> str:
        """Return the absolute URL of its page."""
        return portal_url(f"/aide/{self.slug}/")

    def read(self) -> str:
        """Return its text in Markdown."""
        return self.path.read_text(encoding="utf-8")


GUIDES = (
    Guide(
        "chef-etablissement",
        "guide-chef-etablissement.md",
        "Directions d’école et d’établissement",
        "De la clé reçue par e-mail à la première classe servie, la boutique, et ce qui se reprend.",
        Profile.PRINCIPAL,
    ),
    Guide(
        "enseignant",
        "guide-enseignant.md",
        "Enseignantes et enseignants",
        "Recevoir une licence, ouvrir sa classe, imprimer les cartes des élèves.",
        Profile.TEACHER,
    ),
    Guide(
        "collectivite",
        "guide-collectivite.md",
        "Collectivités : gestion et achats",
        "Acheter des licences, les attribuer aux écoles, suivre ce qu’elles deviennent.",
        Profile.AGENT,
    ),
    Guide(
        "referent-donnees",
        "guide-referent-donnees.md",
        "Collectivités : référents données",
        "Attribuer à toutes les écoles d’après un tableau, et tenir leur liste.",
        Profile.AGENT,
    ),
    Guide(
        "exploitant",
        "guide-exploitant.md",
        "Exploitant du site",
        "Vendre, facturer, encaisser, et rendre compte.",
        "",
    ),
)
BY_SLUG = {guide.slug: guide for guide in GUIDES}
BY_FILE_NAME = {guide.file_name: guide for guide in GUIDES}


def list_readable(
    user: User | AnonymousUser, *, in_office: bool = False
) -> tuple[tuple[Guide, ...], tuple[Guide, ...]]:
    """Return the guides of the reader's profile, or the operator's for an operator; then those of other profiles.

    Of a visitor the profile is known only where they come from an office; else none is theirs.
    """
    profile: str | None = Profile.AGENT if in_office else None
    if user.is_authenticated:
        profile = "" if user.is_staff else user.profile
    own = tuple(guide for guide in GUIDES if guide.profile == profile)
    return own, tuple(guide for guide in GUIDES if guide.profile and guide not in own)


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
    # The parser escapes HTML, and so do the rules of `GuideRenderer`.
    return RenderedGuide(title, SafeString(_PARSER.renderer.render(tokens, _PARSER.options, {})), sections)


def render_blocks(text: str) -> SafeString:
    """Return paragraphs and lists in HTML."""
    return SafeString(_PARSER.render(text))


class GuideRenderer(RendererHTML):
    """Rules by the type of the token that they render, as those of `RendererHTML`."""

    def text(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """Escape the text, with the spaces of French, and keep « e-mail » on one line."""
        text = escape(add_nonbreaking_spaces(tokens[idx].content))
        return _E_MAIL.sub(r'<span class="text-nowrap">\g<0></span>', text)

    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """Render a picture of `docs/images`, with its size so that the text below it does not move."""
        token = tokens[idx]
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

    def link_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """Render a link: to another guide, to its page; to a document for engineers, as its text alone."""
        token = tokens[idx]
        name, mark, anchor = str(token.attrGet("href")).partition("#")
        if name in BY_FILE_NAME:
            path = reverse("guide", args=[BY_FILE_NAME[name].slug], urlconf="config.urls_public")
            token.attrSet("href", path + mark + anchor)
        elif name.endswith(".md"):
            token.tag = "span"
            token.attrs.clear()
            next(one for one in tokens[idx:] if one.type == "link_close").tag = "span"
        return self.renderToken(tokens, idx, options, env)

    def table_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """Open a table in a region that scrolls, each with a name of its own."""
        env["tables"] = env.get("tables", 0) + 1
        region = (
            '<div class="table-responsive" tabindex="0" role="region" aria-label="Tableau {}"><table class="table">\n'
        )
        return format_html(region, env["tables"])

    def table_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return "</table></div>\n"

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """Render a sample of code, which the keyboard can scroll."""
        return format_html('<pre tabindex="0"><code>{}</code></pre>\n', tokens[idx].content)


_PARSER = MarkdownIt("commonmark", {"html": False}, renderer_cls=GuideRenderer).enable("table")


_INK, _BLUE, _SOFT, _LINE = "#1b2536", "#1d4f91", "#4c5a6e", "#d5dbe4"
_TEXT_SIZE = 10.5
_LINE_HEIGHT = 5.4
_INDENT = 6.0
_PICTURE_WIDTH = 130.0
_PICTURE_HEIGHT = 150.0
#: What fpdf reads as bold, italics, underlined or struck through.
_FPDF_MARKUP = re.compile(r"\*\*|__|--|~~")
#: Of a heading: size in points, space above and below in millimetres, and room that must be left on its page.
_HEADINGS: dict[str, tuple[float, float, float, float]] = {"h2": (15, 6, 1.5, 45), "h3": (12, 4, 1, 35)}


class GuideDocument(PdfDocument):
    """The pages of a guide, written block by block from its Markdown."""

    def __init__(self, *, title: str, at: datetime.datetime) -> None:
        super().__init__(title=title, at=at, font_family=ACCOUNTING_FONT)
        #: Of each list that is open, the number of its last item; None where it has bullets.
        self._lists: list[int | None] = []
        self._bullet = ""
        self._rows: list[list[str]] = []

    def footer(self) -> None:
        """Write the title and the page's number at the foot."""
        self.set_y(-14)
        self.set_text_size(9)
        self.set_text_color(_SOFT)
        self.cell(0, 5, f"{self.title} – Pep’s", align="L")
        self.set_x(self.l_margin)
        self.cell(0, 5, f"Page {self.page_no()} sur {{nb}}", align="R")
        self.set_text_color(_INK)

    def write_blocks(self, tokens: Sequence[Token]) -> None:
        """Write headings, paragraphs, lists, tables, samples and pictures: each token by the method of its type."""
        for index, token in enumerate(tokens):
            if writer := getattr(self, f"_write_{token.type}", None):
                writer(tokens[index:])

    def _write_heading_open(self, tokens: Sequence[Token]) -> None:
        """Write a heading on the page of what follows it: a paragraph, or a picture."""
        tag, title = tokens[0].tag, add_nonbreaking_spaces(tokens[1].content)
        size, above, below, room = _HEADINGS[tag]
        following = next((token for token in tokens[2:] if token.type == "inline"), None)
        if pictures := _list_pictures(following):
            room += _measure_picture(pictures[0])[1]
        if self.will_page_break(room):
            self.add_page()
        else:
            self.ln(above)
        self.start_section(title, level=int(tag[1]) - 2)
        self.set_text_color(_BLUE if tag == "h2" else _INK)
        self.write_paragraph(title, size=size, bold=True, after=below)
        self.set_text_color(_INK)

    def _write_bullet_list_open(self, tokens: Sequence[Token]) -> None:
        self._lists.append(0 if tokens[0].type == "ordered_list_open" else None)

    _write_ordered_list_open = _write_bullet_list_open

    def _write_bullet_list_close(self, _tokens: Sequence[Token]) -> None:
        self._lists.pop()

    _write_ordered_list_close = _write_bullet_list_close

    def _write_list_item_open(self, _tokens: Sequence[Token]) -> None:
        number = self._lists[-1]
        if number is None:
            self._bullet = "•"
        else:
            self._lists[-1] = number + 1
            self._bullet = f"{number + 1}."

    def _write_paragraph_open(self, tokens: Sequence[Token]) -> None:
        if text := _to_markup(tokens[1]):
            indent = _INDENT * len(self._lists)
            self.set_text_size(_TEXT_SIZE)
            if self.will_page_break(2 * _LINE_HEIGHT):
                self.add_page()
            if self._bullet:
                self.set_x(self.l_margin + indent - _INDENT)
                self.cell(_INDENT, _LINE_HEIGHT, self._bullet, align="C")
            self.set_x(self.l_margin + indent)
            self.multi_cell(0, _LINE_HEIGHT, text, align="L", markdown=True, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
            self.ln(1 if self._lists else 2.2)
        self._bullet = ""
        for picture in _list_pictures(tokens[1]):
            self._place_picture(picture)

    def _write_tr_open(self, _tokens: Sequence[Token]) -> None:
        self._rows.append([])

    def _write_th_open(self, tokens: Sequence[Token]) -> None:
        self._rows[-1].append(_to_markup(tokens[1]))

    _write_td_open = _write_th_open

    def _write_fence(self, tokens: Sequence[Token]) -> None:
        self.set_text_size(9.5)
        self.set_fill_color("#eef1f5")
        self.multi_cell(
            0, 5, tokens[0].content.rstrip(), align="L", fill=True, padding=2, new_x=XPos.LMARGIN, new_y=YPos.NEXT
        )
        self.ln(2.2)

    def _write_table_close(self, _tokens: Sequence[Token]) -> None:
        self.set_text_size(9.5)
        self.set_draw_color(_LINE)
        with self.table(
            self._rows,
            align="L",
            text_align="L",
            width=self.epw,
            line_height=4.8,
            padding=1.2,
            markdown=True,
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            headings_style=FontFace(emphasis="BOLD"),
        ):
            self._rows = []
        self.ln(3)

    def _place_picture(self, picture: Token) -> None:
        width, height = _measure_picture(picture)
        if self.will_page_break(height + 4):
            self.add_page()
        left, top = self.l_margin, self.get_y() + 1
        path = DOCUMENTS / str(picture.attrGet("src"))
        self.image(path, x=left, y=top, w=width, h=height, alt_text=picture.content)
        self.set_draw_color(_LINE)
        self.rect(left, top, width, height)
        self.set_y(top + height + 4)


@functools.cache
def render_pdf(slug: str) -> bytes:
    """Return the guide as a PDF: its text is that of the release, so it is made once a process."""
    guide = BY_SLUG[slug]
    title, tokens = parse_guide(guide.read())
    changed = datetime.datetime.fromtimestamp(guide.path.stat().st_mtime, tz=datetime.UTC)
    document = GuideDocument(title=title, at=changed)
    document.add_page()
    document.set_text_color(_INK)
    document.write_paragraph(title, size=26, bold=True)
    document.write_paragraph(guide.summary, size=13, after=2)
    document.set_text_color(_SOFT)
    document.write_paragraph(f"Texte du {long_date(changed.date())}. Sa page, à jour : {guide.url()}", size=10, after=8)
    document.set_text_color(_INK)
    document.write_paragraph("Sommaire", size=15, bold=True, after=1)
    document.set_text_size(11)
    document.insert_toc_placeholder(
        TableOfContents(use_section_title_styles=False, line_spacing=1.35).render_toc, allow_extra_pages=True
    )
    document.write_blocks(tokens)
    return bytes(document.output())


def _list_pictures(token: Token | None) -> list[Token]:
    return [child for child in (token.children or ()) if child.type == "image"] if token else []


def _measure_picture(picture: Token) -> tuple[float, float]:
    """Return the width and height of a picture on the page, in millimetres."""
    with Image.open(DOCUMENTS / str(picture.attrGet("src"))) as image:
        ratio = image.height / image.width
    width = min(_PICTURE_WIDTH, _PICTURE_HEIGHT / ratio)
    return width, width * ratio


def _to_markup(token: Token) -> str:
    """Return a line of Markdown in fpdf's markup: code and strong text in bold, pictures and links' addresses away."""
    return add_nonbreaking_spaces("".join(_list_parts(token))).strip()


def _list_parts(token: Token) -> Iterator[str]:
    for child in token.children or ():
        if child.type == "text":
            yield _FPDF_MARKUP.sub(r"\\\g<0>", child.content)
        elif child.type == "code_inline":
            yield f"**{_FPDF_MARKUP.sub(r'\\\g<0>', child.content)}**"
        elif child.type in ("strong_open", "strong_close"):
            yield "**"
        elif child.type in ("softbreak", "hardbreak"):
            yield " "
