"""The sheet that quotes and purchase orders are written on: who sells, who buys, the lines, the totals.

Folded in three, its right-hand address shows in the window of a DL envelope.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fpdf.enums import Align, XPos, YPos

from licensing.catalogue import amounts
from licensing.orders import preflight
from schools.wording import school_name
from web import pdf, typography

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Sequence

    from licensing.orders.models import Order, OrderLine, Seller

MARGIN = 18.0
WIDTH = pdf.A4_WIDTH - 2 * MARGIN
_FOOT = 24.0
_LABEL = 48.0
_WINDOW_X = 112.0
_WINDOW_Y = 46.0

INK = (27, 37, 54)
SOFT = (76, 90, 110)
LINE = (213, 219, 228)
PALE = (240, 243, 248)
BLUE = (29, 79, 145)

_COLUMNS = (
    ("Désignation", 88.0, Align.L),
    ("Quantité", 18.0, Align.R),
    ("Prix unitaire HT", 28.0, Align.R),
    ("TVA", 14.0, Align.R),
    ("Total HT", 26.0, Align.R),
)


class Sheet(pdf.Document):
    """An A4 sheet with the seller's legal identity at its foot and its pages numbered where there are several."""

    def __init__(self, *, title: str, number: str, seller: Seller, at: datetime.datetime) -> None:
        super().__init__(title=f"{title} {number}", at=at, margin=MARGIN, family=pdf.OFFICES, compliance="PDF/A-3B")
        self._seller = seller
        self._number = number
        self.set_auto_page_break(auto=True, margin=_FOOT)
        self.set_text_color(*INK)
        self.set_draw_color(*LINE)
        self.set_line_width(0.25)
        self.add_page()

    def head(self, title: str, facts: Sequence[str]) -> None:
        """Write what the paper is, and its number and dates below it."""
        self.set_text_color(*BLUE)
        self.line_of(title, size=20, bold=True, after=0.5)
        self.set_text_color(*SOFT)
        for fact in facts:
            self.line_of(fact, size=10.5, after=0)
        self.set_text_color(*INK)

    def parties(self, left: tuple[str, Sequence[str]], right: tuple[str, Sequence[str]]) -> None:
        """Write two addresses side by side, each under its label; what follows stands below the longer one."""
        top = max(self.get_y() + 10, _WINDOW_Y)
        bottom = top
        for (label, lines), x, width in (
            (left, MARGIN, _WINDOW_X - MARGIN - 8),
            (right, _WINDOW_X, pdf.A4_WIDTH - MARGIN - _WINDOW_X),
        ):
            self.set_xy(x, top - 6)
            self.small(label, width)
            self.set_xy(x, top)
            for index, line in enumerate(lines):
                self.write_in(11 if index == 0 else 10.5, bold=index == 0)
                self.set_x(x)
                self.multi_cell(width, 5.2, line, align=Align.L, new_x=XPos.LEFT, new_y=YPos.NEXT)
            bottom = max(bottom, self.get_y())
        self.set_xy(MARGIN, bottom + 6)

    def beneficiary(self, order: Order) -> None:
        """Write whom the licences are for, where the address does not say it."""
        school, body = order.school, order.collectivity
        if school is not None:
            name = school_name(school.name)
            self.body(f"Pour : {name}, {school.postal_code} {school.commune}, UAI {school.uai}.", WIDTH, after=2)
        elif body is not None and order.bill_name and body.name != order.bill_name:
            self.body(f"Pour : {body.name}.", WIDTH, after=2)
        self.set_x(MARGIN)

    def small(self, text: str, width: float = 0) -> None:
        """Write a label in small letters."""
        self.set_text_color(*SOFT)
        self.write_in(9)
        self.multi_cell(width, 4.4, text, align=Align.L, new_x=XPos.LEFT, new_y=YPos.NEXT)
        self.set_text_color(*INK)

    def heading(self, text: str, width: float = 0) -> None:
        """Write the heading of a part where the pen is."""
        self.write_in(11, bold=True)
        self.multi_cell(width, 5.6, text, align=Align.L, new_x=XPos.LEFT, new_y=YPos.NEXT)
        self.set_xy(self.get_x(), self.get_y() + 0.6)

    def body(self, text: str, width: float = 0, *, after: float = 1.2) -> None:
        """Write a paragraph where the pen is, and stay at its left edge."""
        self.write_in(9.5)
        self.multi_cell(width, 4.5, text, align=Align.L, new_x=XPos.LEFT, new_y=YPos.NEXT)
        self.set_xy(self.get_x(), self.get_y() + after)

    def numbered(self, steps: Sequence[str], width: float) -> None:
        """Write numbered steps where the pen is."""
        left = self.get_x()
        for number, step in enumerate(steps, 1):
            self.write_in(9.5, bold=True)
            self.set_x(left)
            self.cell(5, 4.5, f"{number}.", new_x=XPos.RIGHT, new_y=YPos.TOP)
            self.body(step, width - 5)
        self.set_x(left)

    def lines(self, lines: Iterable[OrderLine]) -> None:
        """Write the table of what is ordered, with how long each line's licences run."""
        self.set_fill_color(*PALE)
        self.write_in(9, bold=True)
        for title, width, align in _COLUMNS:
            self.cell(width, 7, title, border="TB", align=align, fill=True, new_x=XPos.RIGHT, new_y=YPos.TOP)
        self.set_xy(MARGIN, self.get_y() + 7)
        for line in lines:
            self._line(line)

    def _line(self, line: OrderLine) -> None:
        top = self.get_y() + 2
        self.set_xy(MARGIN, top)
        self.write_in(10.5)
        self.multi_cell(_COLUMNS[0][1] - 2, 5.2, described(line), align=Align.L, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        bottom = self.get_y() + 2
        x = MARGIN + _COLUMNS[0][1]
        cells = (
            typography.number(line.billed_quantity),
            typography.euros(line.unit_ht),
            typography.per_cent(line.vat_rate),
            typography.euros(line.total_ht),
        )
        for text, (_title, width, align) in zip(cells, _COLUMNS[1:], strict=True):
            self.set_xy(x, top)
            self.cell(width, 5.2, text, align=align)
            x += width
        self.line(MARGIN, bottom, MARGIN + WIDTH, bottom)
        self.set_xy(MARGIN, bottom)

    def totals(self, order: Order, lines: Sequence[OrderLine]) -> None:
        """Write the totals, VAT by rate, at the right."""
        self.set_y(self.get_y() + 2)
        self._total("Total HT", typography.euros(order.total_ht))
        rates = amounts.by_rate(
            (line.vat_rate, amounts.Amounts(line.total_ht, line.total_vat, line.total_ttc)) for line in lines
        )
        for rate, of_rate in rates:
            self._total(f"TVA {typography.per_cent(rate)}", typography.euros(of_rate.vat))
        self._total("TOTAL TTC", typography.euros(order.total_ttc), bold=True)
        self.set_xy(MARGIN, self.get_y() + 3)

    def _total(self, label: str, amount: str, *, bold: bool = False) -> None:
        self.write_in(11.5 if bold else 10.5, bold=bold)
        self.set_x(MARGIN + WIDTH - 74)
        self.cell(40, 6, label, align=Align.L, new_x=XPos.RIGHT, new_y=YPos.TOP)
        self.cell(34, 6, amount, align=Align.R, new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def field(self, label: str, value: str, *, width: float) -> None:
        """Write a field: what is known, or a line of dots to complete by hand."""
        left = self.get_x()
        self.write_in(9.5)
        self.cell(_LABEL, 6.4, label, new_x=XPos.RIGHT, new_y=YPos.TOP)
        if value:
            self.write_in(10, bold=True)
            self.multi_cell(width - _LABEL, 6.4, value, align=Align.L, new_x=XPos.LEFT, new_y=YPos.NEXT)
        else:
            self.dots(self.get_x(), self.get_y() + 5, width - _LABEL)
            self.set_y(self.get_y() + 7)
        self.set_x(left)

    def dots(self, x: float, y: float, width: float) -> None:
        """Draw a dotted line to write on."""
        self.set_draw_color(*SOFT)
        self.set_dash_pattern(dash=0.4, gap=1.1)
        self.line(x, y, x + width, y)
        self.set_dash_pattern()
        self.set_draw_color(*LINE)

    def footer(self) -> None:
        """Write the seller's legal identity, and the page where there are several."""
        self.set_y(-_FOOT + 5)
        self.set_draw_color(*LINE)
        self.line(MARGIN, self.get_y(), MARGIN + WIDTH, self.get_y())
        self.set_y(self.get_y() + 1.5)
        self.set_text_color(*SOFT)
        self.write_in(8)
        for line in identity(self._seller):
            self.cell(WIDTH, 3.7, line, align=Align.C, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.cell(WIDTH, 3.7, f"{self._number}  –  page {self.page_no()} sur {{nb}}", align=Align.C)
        self.set_text_color(*INK)


def described(line: OrderLine) -> str:
    """Return what the buyer reads of a line, as in the guide: « … – expiration au 31/08/2027 »."""
    until = f"–{typography.NO_BREAK_SPACE}expiration au {typography.short_day(line.school_year.ends_on)}"
    return f"{line.description} {until}"


def address_of(seller: Seller) -> list[str]:
    """Return the seller's postal address, its name first."""
    return [seller.name, seller.address, f"{seller.postal_code} {seller.city}"]


def identity(seller: Seller) -> tuple[str, str]:
    """Return what commercial papers must say of the seller, in two lines."""
    return (
        f"{seller.name}, {seller.legal_form}, {seller.address}, {seller.postal_code} {seller.city} – {seller.rcs}",
        f"SIRET {preflight.spelled(seller.siret)} – TVA {seller.vat_number} – {seller.phone} – {seller.email}",
    )


def billed_to(order: Order) -> list[str]:
    """Return the billing address, its name first, without what is empty; the country where it is not France."""
    country = "" if order.bill_country.strip().casefold() == "france" else order.bill_country
    lines = (
        order.bill_name,
        order.bill_address,
        order.bill_address_extra,
        f"{order.bill_postal_code} {order.bill_city}".strip(),
        country,
    )
    return [line for line in lines if line]
