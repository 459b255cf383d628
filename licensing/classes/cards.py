"""PDFs for a class: pupils' cards to cut out, eight a page, and a list to complete by hand.

Built from what the browser posts back, as passwords are not stored. First names are left blank: the portal never
knows them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from fpdf.enums import XPos, YPos

from web.addresses import portal_url
from web.pdf import A4_WIDTH, Document
from web.typography import day

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

A4_HEIGHT = 297
COLUMNS, ROWS = 2, 4
#: Unprintable margin of the paper, in mm, as all lengths here.
EDGE = 8
WIDTH, HEIGHT = (A4_WIDTH - 2 * EDGE) / COLUMNS, (A4_HEIGHT - 2 * EDGE) / ROWS
#: Padding of a card.
INSET = 6
CODE_SIDE = 27


class Card(NamedTuple):
    """A pupil's credentials, as printed on their card."""

    number: int
    login: str
    password: str


def sign_in_address(card: Card) -> str:
    """Return the URL, for the card's QR code, that signs the pupil in.

    Login and password are in the fragment, which is sent to no server, log or referrer.
    """
    return portal_url(f"eleve/#{quote(card.login)}/{quote(card.password)}")


def cards(*, class_name: str, pupils: Sequence[Card], at: datetime.datetime) -> Document:
    """Return the cards, in the given order, with cut marks."""
    document = Document(title=f"Cartes de la classe {class_name}", at=at, margin=EDGE)
    document.set_auto_page_break(auto=False)
    for index, card in enumerate(pupils):
        position = index % (COLUMNS * ROWS)
        if position == 0:
            document.add_page()
            _draw_cut_marks(document)
        _draw_card(
            document, card, class_name, x=EDGE + position % COLUMNS * WIDTH, y=EDGE + position // COLUMNS * HEIGHT
        )
    return document


def _draw_cut_marks(document: Document) -> None:
    """Draw the cut marks: dashed lines between the cards, solid ones in the margin."""
    document.set_draw_color(130)
    document.set_line_width(0.15)
    vertical_cuts = [EDGE + column * WIDTH for column in range(COLUMNS + 1)]
    horizontal_cuts = [EDGE + row * HEIGHT for row in range(ROWS + 1)]
    for x in vertical_cuts:
        document.line(x, 0, x, EDGE - 2)
        document.line(x, A4_HEIGHT - EDGE + 2, x, A4_HEIGHT)
    for y in horizontal_cuts:
        document.line(0, y, EDGE - 2, y)
        document.line(A4_WIDTH - EDGE + 2, y, A4_WIDTH, y)
    document.set_dash_pattern(dash=1.5, gap=1.5)
    for x in vertical_cuts:
        document.line(x, EDGE, x, A4_HEIGHT - EDGE)
    for y in horizontal_cuts:
        document.line(EDGE, y, A4_WIDTH - EDGE, y)
    document.set_dash_pattern()


def _draw_card(document: Document, card: Card, class_name: str, *, x: float, y: float) -> None:
    left, right = x + INSET, x + WIDTH - INSET
    narrow, full = WIDTH - 2 * INSET - CODE_SIDE - 4, WIDTH - 2 * INSET
    _draw_text(document, f"{card.number}. {class_name}", x=left, y=y + 6, size=11, max_width=narrow)
    _draw_text(document, "Prénom", x=left, y=y + 15, size=9, max_width=20, grey=True)
    document.set_draw_color(130)
    document.line(left + 14, y + 19, left + narrow, y + 19)
    _draw_text(document, "J’entre ici", x=left, y=y + 24, size=9, max_width=narrow, grey=True)
    address = portal_url("eleve/").partition("://")[2].rstrip("/")
    _draw_text(document, address, x=left, y=y + 28, size=12, max_width=narrow)
    document.qr(sign_in_address(card), x=right - CODE_SIDE, y=y + 6, side=CODE_SIDE)
    _draw_text(document, "Mon identifiant", x=left, y=y + 37, size=9, max_width=full, grey=True)
    _draw_text(document, card.login, x=left, y=y + 41, size=20, max_width=full, bold=True)
    _draw_text(document, "Mon mot de passe", x=left, y=y + 51, size=9, max_width=full, grey=True)
    _draw_text(document, card.password, x=left, y=y + 55, size=20, max_width=full, bold=True)


def _draw_text(
    document: Document,
    text: str,
    *,
    x: float,
    y: float,
    size: float,
    max_width: float,
    bold: bool = False,
    grey: bool = False,
) -> None:
    """Write one line, with a smaller font where it would not fit."""
    document.write_in(size, bold=bold)
    text_width = document.get_string_width(text)
    if text_width > max_width:
        document.write_in(size * max_width / text_width, bold=bold)
    document.set_text_color(90 if grey else 0)
    document.set_xy(x, y)
    document.cell(max_width, size * 0.45, text)
    document.set_text_color(0)


def by_hand(*, class_name: str, pupils: Sequence[Card], at: datetime.datetime) -> Document:
    """Return the teacher's list on one page: number, blank first name, login, password."""
    document = Document(title=f"Liste de la classe {class_name}", at=at, margin=15)
    document.add_page()
    document.line_of(f"Classe {class_name}", size=18, bold=True, after=1)
    document.line_of(
        f"Mots de passe du {day(at.date())}. Écrivez les prénoms à la main, et gardez cette feuille pour vous : "
        "elle seule dit à qui est chaque compte.",
        size=10,
        after=3,
    )
    widths = (12.0, 60.0, 54.0, 54.0)
    _draw_row(document, ("N°", "Prénom", "Identifiant", "Mot de passe"), widths, bold=True)
    for card in pupils:
        _draw_row(document, (str(card.number), "", card.login, card.password), widths)
    return document


def _draw_row(document: Document, cells: tuple[str, ...], widths: tuple[float, ...], *, bold: bool = False) -> None:
    document.set_draw_color(130)
    for text, width in zip(cells, widths, strict=True):
        document.write_in(10, bold=bold)
        text_width = document.get_string_width(text)
        if text_width > width - 2:
            document.write_in(10 * (width - 2) / text_width, bold=bold)
        document.cell(width, 7.3, text, border="B", new_x=XPos.RIGHT, new_y=YPos.TOP)
    document.ln(7.3)
