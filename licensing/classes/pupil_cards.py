"""PDFs for a class: pupils' cards to cut out, eight a page, and a list to complete by hand.

Built from what the browser posts back, as passwords are not stored. First names are left blank: the portal never
knows them.
"""

import datetime
from collections.abc import Sequence
from io import BytesIO
from typing import NamedTuple
from urllib.parse import quote

import segno
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify
from django.views.decorators.debug import sensitive_variables
from fpdf.enums import XPos, YPos

from core.documents import A4_WIDTH, PdfDocument
from core.formatting import long_date
from core.links import portal_url
from licensing.classes import handovers, words
from licensing.classes.models import Classroom, PupilAccount, PupilHandover
from licensing.entitlements.wording import format_long_date

A4_HEIGHT = 297
COLUMNS, ROWS = 2, 4
#: Unprintable margin of the paper, in mm, as all lengths here.
PAGE_MARGIN = 8
WIDTH, HEIGHT = (A4_WIDTH - 2 * PAGE_MARGIN) / COLUMNS, (A4_HEIGHT - 2 * PAGE_MARGIN) / ROWS
#: Padding of a card.
PADDING = 6
QR_SIZE, ANIMAL_SIZE = 26, 20
#: Between animal, text and QR code.
GAP = 3


class PupilCard(NamedTuple):
    """A pupil's credentials, as stored: they are printed with their accents."""

    number: int
    login: str
    password: str

    @property
    def qr(self) -> SafeString:
        """The QR code as an SVG that a page inlines, without style or size of its own."""
        code = segno.make(build_sign_in_url(self), error="m", micro=False)
        return mark_safe(code.svg_inline(border=0, omitsize=True, svgclass="qr", lineclass=None))  # noqa: S308 - drawn here


def build_sign_in_url(card: PupilCard) -> str:
    """Return the URL, for the card's QR code, that signs the pupil in.

    Login and password are in the fragment, which is sent to no server, log or referrer.
    """
    return portal_url(f"eleve/#{quote(words.spell(card.login))}/{quote(words.spell(card.password))}")


def build_printed_address() -> str:
    """Return the address of the sign-in page as a card shows it, to be typed: `peps.example/eleve`."""
    return portal_url("eleve/").partition("://")[2].rstrip("/")


def build_file_stem(classroom: Classroom) -> str:
    """Return what names the files of a class: its name in letters that every disk accepts, `ce1-de-benoit`.

    Its code where the name has none of them.
    """
    return slugify(classroom.name) or classroom.code


def build_cards_file_name(classroom: Classroom, logins: Sequence[str]) -> str:
    """Return the name of the cards' file: `cartes-ce1-b.pdf`, or `carte-corbeau-ce1-b.pdf` for the card of one pupil.

    `logins`: those on the cards, as stored.
    """
    stem = build_file_stem(classroom)
    return f"carte-{logins[0].partition('-')[0]}-{stem}.pdf" if len(logins) == 1 else f"cartes-{stem}.pdf"


def render_cards(*, class_name: str, pupils: Sequence[PupilCard], at: datetime.datetime) -> PdfDocument:
    """Return the cards, in the given order, with cut marks."""
    document = PdfDocument(title=f"Cartes de la classe {class_name}", at=at, margin=PAGE_MARGIN)
    document.set_auto_page_break(auto=False)
    for index, card in enumerate(pupils):
        position = index % (COLUMNS * ROWS)
        if position == 0:
            document.add_page()
            _draw_cut_marks(document)
        _draw_card(
            document,
            card,
            class_name,
            x=PAGE_MARGIN + position % COLUMNS * WIDTH,
            y=PAGE_MARGIN + position // COLUMNS * HEIGHT,
        )
    return document


def _draw_cut_marks(document: PdfDocument) -> None:
    """Draw the cut marks: dashed lines between the cards, solid ones in the margin."""
    document.set_draw_color(130)
    document.set_line_width(0.15)
    vertical_cuts = [PAGE_MARGIN + column * WIDTH for column in range(COLUMNS + 1)]
    horizontal_cuts = [PAGE_MARGIN + row * HEIGHT for row in range(ROWS + 1)]
    for x in vertical_cuts:
        document.line(x, 0, x, PAGE_MARGIN - 2)
        document.line(x, A4_HEIGHT - PAGE_MARGIN + 2, x, A4_HEIGHT)
    for y in horizontal_cuts:
        document.line(0, y, PAGE_MARGIN - 2, y)
        document.line(A4_WIDTH - PAGE_MARGIN + 2, y, A4_WIDTH, y)
    document.set_dash_pattern(dash=1.5, gap=1.5)
    for x in vertical_cuts:
        document.line(x, PAGE_MARGIN, x, A4_HEIGHT - PAGE_MARGIN)
    for y in horizontal_cuts:
        document.line(PAGE_MARGIN, y, A4_WIDTH - PAGE_MARGIN, y)
    document.set_dash_pattern()


def _draw_card(document: PdfDocument, card: PupilCard, class_name: str, *, x: float, y: float) -> None:
    left, right, top = x + PADDING, x + WIDTH - PADDING, y + PADDING
    full = WIDTH - 2 * PADDING
    narrow = full - QR_SIZE - GAP
    beside = narrow - ANIMAL_SIZE - GAP
    if drawing := words.read_drawing(card.login.partition("-")[0]):
        document.image(BytesIO(drawing.encode()), x=left, y=top, w=ANIMAL_SIZE, h=ANIMAL_SIZE)
    middle = left + ANIMAL_SIZE + GAP
    _draw_text(document, f"{card.number}. {class_name}", x=middle, y=top, size=11, max_width=beside)
    _draw_text(document, "Prénom", x=middle, y=top + 9, size=9, max_width=beside, grey=True)
    document.set_draw_color(130)
    document.line(middle, top + 19, middle + beside, top + 19)
    _draw_text(document, "J’entre ici", x=left, y=y + 29, size=9, max_width=narrow, grey=True)
    _draw_text(document, build_printed_address(), x=left, y=y + 32.5, size=12, max_width=full)
    document.qr(build_sign_in_url(card), x=right - QR_SIZE, y=top, side=QR_SIZE)
    _draw_text(document, "Mon identifiant", x=left, y=y + 40, size=9, max_width=full, grey=True)
    _draw_text(document, words.spell(card.login), x=left, y=y + 43.5, size=20, max_width=full, bold=True)
    _draw_text(document, "Mon mot de passe", x=left, y=y + 53, size=9, max_width=full, grey=True)
    _draw_text(document, words.spell(card.password), x=left, y=y + 56.5, size=20, max_width=full, bold=True)


def _draw_text(
    document: PdfDocument,
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
    document.set_text_size(size, bold=bold)
    text_width = document.get_string_width(text)
    if text_width > max_width:
        document.set_text_size(size * max_width / text_width, bold=bold)
    document.set_text_color(90 if grey else 0)
    document.set_xy(x, y)
    document.cell(max_width, size * 0.45, text)
    document.set_text_color(0)


def render_roster(*, class_name: str, pupils: Sequence[PupilCard], at: datetime.datetime) -> PdfDocument:
    """Return the teacher's list on one page: number, blank first name, login, password."""
    document = PdfDocument(title=f"Liste de la classe {class_name}", at=at, margin=15)
    document.add_page()
    document.write_paragraph(f"Classe {class_name}", size=18, bold=True, after=1)
    document.write_paragraph(
        f"Mots de passe du {long_date(at.date())}. Écrivez les prénoms à la main, et gardez cette feuille pour vous : "
        "elle seule dit à qui est chaque compte.",
        size=10,
        after=3,
    )
    widths = (12.0, 60.0, 54.0, 54.0)
    draw_row(document, ("N°", "Prénom", "Identifiant", "Mot de passe"), widths, bold=True)
    for card in pupils:
        draw_row(document, (str(card.number), "", words.spell(card.login), words.spell(card.password)), widths)
    return document


def draw_row(document: PdfDocument, cells: tuple[str, ...], widths: tuple[float, ...], *, bold: bool = False) -> None:
    """Write a row of a table, in a smaller font where a text would not fit its cell."""
    document.set_draw_color(130)
    for text, width in zip(cells, widths, strict=True):
        document.set_text_size(10, bold=bold)
        text_width = document.get_string_width(text)
        if text_width > width - 2:
            document.set_text_size(10 * (width - 2) / text_width, bold=bold)
        document.cell(width, 7.3, text, border="B", new_x=XPos.RIGHT, new_y=YPos.TOP)
    document.ln(7.3)


@sensitive_variables("code")
def render_sheet(handover: PupilHandover, pupils: Sequence[PupilAccount], *, at: datetime.datetime) -> PdfDocument:
    """Return the sheet as a PDF: without passwords, and without names, which the portal never knows."""
    code = handovers.unseal_code(handover)
    document = PdfDocument(title="Élèves confiés à un collègue", at=at, margin=20)
    document.add_page()
    document.write_paragraph("Élèves confiés à un collègue", size=18, bold=True, after=2)
    document.write_paragraph(f"Classe {handover.classroom.name}, confiés par {handover.by}.", after=6)
    document.write_paragraph("Code à saisir", size=10, after=0)
    document.write_paragraph(code, size=26, bold=True, after=2)
    document.write_paragraph(
        f"Il vaut jusqu’au {format_long_date(handover.expires_at)}, une seule fois, pour un enseignant de la même "
        "école : sur la page de sa classe, sous « Recevoir des élèves ». Les élèves gardent leur carte, leur "
        "identifiant et leur mot de passe.",
        after=6,
    )
    widths = (14.0, 70.0, 86.0)
    draw_row(document, ("N°", "Identifiant", "Prénom, à la main"), widths, bold=True)
    for pupil in pupils:
        draw_row(document, (str(pupil.number), words.spell(pupil.login), ""), widths)
    return document
