"""What a teacher prints for a class: cards to cut out, eight a page, and a list whose first names are written by hand.

Made from what the browser hands back: passwords stand nowhere else. The first name is a line to write on, never ours
to know.
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
#: Nothing is printed nearer to the edge of the paper than a printer reaches.
EDGE = 8
WIDTH, HEIGHT = (A4_WIDTH - 2 * EDGE) / COLUMNS, (A4_HEIGHT - 2 * EDGE) / ROWS
#: Between a cut and what is printed.
INSET = 6
CODE_SIDE = 27


class Card(NamedTuple):
    """One pupil's: what he types to sign in."""

    number: int
    login: str
    password: str


def sign_in_address(card: Card) -> str:
    """Return the address that signs the pupil in when he scans it.

    Login and password stand in the fragment, which no server, no log and no referrer sees.
    """
    return portal_url(f"eleve/#{quote(card.login)}/{quote(card.password)}")


def cards(*, class_name: str, pupils: Sequence[Card], at: datetime.datetime) -> Document:
    """Return the cards, in order of number, with marks to cut along."""
    document = Document(title=f"Cartes de la classe {class_name}", at=at, margin=EDGE)
    document.set_auto_page_break(auto=False)
    for place, card in enumerate(pupils):
        spot = place % (COLUMNS * ROWS)
        if spot == 0:
            document.add_page()
            _cuts(document)
        _card(document, card, class_name, x=EDGE + spot % COLUMNS * WIDTH, y=EDGE + spot // COLUMNS * HEIGHT)
    return document


def _cuts(document: Document) -> None:
    """Draw where to cut: dashes between the cards, whole lines in the margin for a paper cutter."""
    document.set_draw_color(130)
    document.set_line_width(0.15)
    across = [EDGE + column * WIDTH for column in range(COLUMNS + 1)]
    down = [EDGE + row * HEIGHT for row in range(ROWS + 1)]
    for x in across:
        document.line(x, 0, x, EDGE - 2)
        document.line(x, A4_HEIGHT - EDGE + 2, x, A4_HEIGHT)
    for y in down:
        document.line(0, y, EDGE - 2, y)
        document.line(A4_WIDTH - EDGE + 2, y, A4_WIDTH, y)
    document.set_dash_pattern(dash=1.5, gap=1.5)
    for x in across:
        document.line(x, EDGE, x, A4_HEIGHT - EDGE)
    for y in down:
        document.line(EDGE, y, A4_WIDTH - EDGE, y)
    document.set_dash_pattern()


def _card(document: Document, card: Card, class_name: str, *, x: float, y: float) -> None:
    left, right = x + INSET, x + WIDTH - INSET
    beside, whole = WIDTH - 2 * INSET - CODE_SIDE - 4, WIDTH - 2 * INSET
    _text(document, f"{card.number}. {class_name}", x=left, y=y + 6, size=11, room=beside)
    _text(document, "Prénom", x=left, y=y + 15, size=9, room=20, grey=True)
    document.set_draw_color(130)
    document.line(left + 14, y + 19, left + beside, y + 19)
    _text(document, "J’entre ici", x=left, y=y + 24, size=9, room=beside, grey=True)
    address = portal_url("eleve/").partition("://")[2].rstrip("/")
    _text(document, address, x=left, y=y + 28, size=12, room=beside)
    document.qr(sign_in_address(card), x=right - CODE_SIDE, y=y + 6, side=CODE_SIDE)
    _text(document, "Mon identifiant", x=left, y=y + 37, size=9, room=whole, grey=True)
    _text(document, card.login, x=left, y=y + 41, size=20, room=whole, bold=True)
    _text(document, "Mon mot de passe", x=left, y=y + 51, size=9, room=whole, grey=True)
    _text(document, card.password, x=left, y=y + 55, size=20, room=whole, bold=True)


def _text(
    document: Document,
    text: str,
    *,
    x: float,
    y: float,
    size: float,
    room: float,
    bold: bool = False,
    grey: bool = False,
) -> None:
    """Write one line, smaller where it would not fit."""
    document.write_in(size, bold=bold)
    wide = document.get_string_width(text)
    if wide > room:
        document.write_in(size * room / wide, bold=bold)
    document.set_text_color(90 if grey else 0)
    document.set_xy(x, y)
    document.cell(room, size * 0.45, text)
    document.set_text_color(0)


def by_hand(*, class_name: str, pupils: Sequence[Card], at: datetime.datetime) -> Document:
    """Return the teacher's own list on one page: number, a line for the first name, login, password."""
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
    _row(document, ("N°", "Prénom", "Identifiant", "Mot de passe"), widths, bold=True)
    for card in pupils:
        _row(document, (str(card.number), "", card.login, card.password), widths)
    return document


def _row(document: Document, cells: tuple[str, ...], widths: tuple[float, ...], *, bold: bool = False) -> None:
    document.set_draw_color(130)
    for text, width in zip(cells, widths, strict=True):
        document.write_in(10, bold=bold)
        wide = document.get_string_width(text)
        if wide > width - 2:
            document.write_in(10 * (width - 2) / wide, bold=bold)
        document.cell(width, 7.3, text, border="B", new_x=XPos.RIGHT, new_y=YPos.TOP)
    document.ln(7.3)
