"""A guide as a PDF, with its contents and page numbers, for a folder or a printer."""

from __future__ import annotations

import datetime
import functools
import re
from collections.abc import Iterator, Sequence

from fpdf.enums import TableBordersLayout, XPos, YPos
from fpdf.fonts import FontFace
from fpdf.outline import TableOfContents
from markdown_it.token import Token
from PIL import Image

from core.documents import ACCOUNTING_FONT, PdfDocument
from core.formatting import add_nonbreaking_spaces, long_date
from sites.help.guides import BY_SLUG, DOCUMENTS
from sites.help.markdown import parse_guide

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
        self._writers = {
            "heading_open": self._write_heading,
            "bullet_list_open": self._open_list,
            "ordered_list_open": self._open_list,
            "bullet_list_close": self._close_list,
            "ordered_list_close": self._close_list,
            "list_item_open": self._open_item,
            "paragraph_open": self._write_paragraph,
            "fence": self._write_sample,
            "tr_open": self._open_row,
            "th_open": self._add_cell,
            "td_open": self._add_cell,
            "table_close": self._write_table,
        }

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
        """Write headings, paragraphs, lists, tables, samples and pictures."""
        for index, token in enumerate(tokens):
            if writer := self._writers.get(token.type):
                writer(tokens[index:])

    def _write_heading(self, tokens: Sequence[Token]) -> None:
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

    def _open_list(self, tokens: Sequence[Token]) -> None:
        self._lists.append(0 if tokens[0].type == "ordered_list_open" else None)

    def _close_list(self, _tokens: Sequence[Token]) -> None:
        self._lists.pop()

    def _open_item(self, _tokens: Sequence[Token]) -> None:
        number = self._lists[-1]
        if number is None:
            self._bullet = "•"
        else:
            self._lists[-1] = number + 1
            self._bullet = f"{number + 1}."

    def _write_paragraph(self, tokens: Sequence[Token]) -> None:
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

    def _open_row(self, _tokens: Sequence[Token]) -> None:
        self._rows.append([])

    def _add_cell(self, tokens: Sequence[Token]) -> None:
        self._rows[-1].append(_to_markup(tokens[1]))

    def _write_sample(self, tokens: Sequence[Token]) -> None:
        self.set_text_size(9.5)
        self.set_fill_color("#eef1f5")
        self.multi_cell(
            0, 5, tokens[0].content.rstrip(), align="L", fill=True, padding=2, new_x=XPos.LMARGIN, new_y=YPos.NEXT
        )
        self.ln(2.2)

    def _write_table(self, _tokens: Sequence[Token]) -> None:
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
