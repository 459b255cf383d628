"""Printable vouchers (« bons ») that a principal hands to teachers who do not appear in their list.

Four a page, to cut out: school, key, instructions, and a QR code. The key is in the fragment of the link, which reaches
no server and no log.
"""

import datetime

from django.http import HttpResponse

from accounts.models import User
from core.calendar import date_in_paris
from core.documents import A4_WIDTH, PdfDocument
from core.formatting import add_nonbreaking_spaces
from core.links import portal_url
from licensing.entitlements import key_checks, seat_holders
from licensing.entitlements.exceptions import NoSeatLeft
from licensing.entitlements.models import Subscription
from licensing.entitlements.queries import unseal_key
from licensing.entitlements.wording import describe_account, describe_start, format_until

_COLUMNS, _ROWS = 2, 2
_WIDTH, _HEIGHT = A4_WIDTH / _COLUMNS, 297 / _ROWS
_MARGIN = 10.0
_QR = 36.0
_MARK = 9.0
_STEPS = (
    "1. Visez ce code avec l'appareil photo d'un téléphone, ou allez sur {portal}",
    "2. Connectez-vous à votre compte « Enseignant », ou créez-le.",
    "3. Dans « Mon compte », saisissez la clé et validez : la licence est {state}.",
    "Majuscules, tirets et espaces n'ont pas d'importance.",
)
#: Ten pages. All vouchers are the same.
_MAX_VOUCHERS = 40


def render_vouchers(subscription: Subscription, *, by: User, at: datetime.datetime) -> HttpResponse:
    """Return a PDF with a voucher for each free seat of the subscription, which `by` administers.

    Raises a `DomainError` where a teacher could not claim a seat: licences suspended or over, or no seat left.
    """
    key_checks.check_available(subscription.key.entitlement, by, at)
    free = min(subscription.seats.free().count(), _MAX_VOUCHERS)
    if not free:
        raise NoSeatLeft(
            f"{seat_holders.no_seat_left_message(subscription)} Un bon ne servirait à personne : retirez d'abord une"
            " licence."
        )
    document = PdfDocument(title="Bons pour les enseignants", at=at, margin=0)
    document.set_auto_page_break(auto=False)
    voucher = _Voucher(subscription, date_in_paris(at))
    for index in range(free):
        column, row = index % _COLUMNS, index // _COLUMNS % _ROWS
        if (column, row) == (0, 0):
            document.add_page()
            _draw_cut_marks(document)
        voucher.draw(document, x=column * _WIDTH, y=row * _HEIGHT)
    return document.answer(f"bons-enseignants-{subscription.pk}.pdf")


class _Voucher:
    """The content of a voucher, read once and drawn on each."""

    def __init__(self, subscription: Subscription, day: datetime.date) -> None:
        self.school = describe_account(subscription)
        self.product = str(subscription.key.entitlement.product)
        self.key = unseal_key(subscription.key)
        self.until = format_until(subscription.key.entitlement, day)
        start = describe_start(subscription.key.entitlement, day)
        self.state = f"à vous, {start}" if start else "active"
        self.link = portal_url(f"mon-compte/#cle={self.key}")
        self.portal = portal_url("").removeprefix("https://").removeprefix("http://").rstrip("/")

    def draw(self, document: PdfDocument, *, x: float, y: float) -> None:
        """Draw one voucher with its upper left corner at (x, y), in millimetres."""
        left, width = x + _MARGIN, _WIDTH - 2 * _MARGIN
        document.set_left_margin(left)
        document.set_right_margin(A4_WIDTH - left - width)
        document.set_xy(left, y + _MARGIN)
        document.mark(x=left + width - _MARK, y=y + _HEIGHT - _MARGIN - _MARK, side=_MARK)
        document.write_paragraph("Votre licence Pep's pour votre classe", size=12.5, bold=True, after=1)
        document.write_paragraph(self.school, size=11, after=0.5)
        document.write_paragraph(f"{self.product}, {self.until}.", size=9, after=3)
        top = document.get_y()
        document.set_draw_color(27, 37, 54)
        document.rect(left, top, width, 15)
        document.set_xy(left, top + 1.2)
        document.set_text_size(8.5)
        document.cell(width, 4, "Votre clé d'activation", align="C")
        document.set_xy(left, top + 6)
        document.set_text_size(15, bold=True)
        document.cell(width, 7, self.key, align="C")
        document.qr(self.link, x=left + (width - _QR) / 2, y=top + 19, side=_QR)
        document.set_xy(left, top + 19 + _QR + 3)
        for step in _STEPS:
            text = add_nonbreaking_spaces(step.format(portal=self.portal, state=self.state))
            document.write_paragraph(text, size=9.5, after=0.8)


def _draw_cut_marks(document: PdfDocument) -> None:
    document.set_draw_color(150)
    document.set_dash_pattern(dash=2, gap=2)
    document.line(_WIDTH, 0, _WIDTH, _HEIGHT * _ROWS)
    document.line(0, _HEIGHT, A4_WIDTH, _HEIGHT)
    document.set_dash_pattern()
