"""PDF layout shared by quotes and purchase orders, on the letterhead: seller, buyer, lines, totals."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence

from fpdf.enums import Align, XPos, YPos

from core import formatting, money
from core.documents import BLUE, INK, LINE, MARGIN, PALE, SOFT, WIDTH, WINDOW_WIDTH, WINDOW_X, WINDOW_Y, LetterheadPdf
from licensing.catalogue.models import Seller
from licensing.orders import siret_numbers
from licensing.orders.models import Order, OrderLine
from licensing.orders.payers import describe_typed_school
from schools.wording import format_school_name

_LABEL_WIDTH = 48.0

_COLUMNS = (
    ("Désignation", 88.0, Align.L),
    ("Quantité", 18.0, Align.R),
    ("Prix unitaire HT", 28.0, Align.R),
    ("TVA", 14.0, Align.R),
    ("Total HT", 26.0, Align.R),
)


class OrderDocumentPdf(LetterheadPdf):
    """The sections of a document that precedes the invoice."""

    def __init__(self, *, title: str, number: str, seller: Seller, at: datetime.datetime) -> None:
        super().__init__(
            title=f"{title} {number}", reference=number, legal_identity=format_legal_identity(seller), at=at
        )

    def head(self, title: str, details: Sequence[str]) -> None:
        """Write the title of the document, with its number and dates below."""
        self.set_text_color(*BLUE)
        self.write_paragraph(title, size=20, bold=True, after=0.5)
        self.set_text_color(*SOFT)
        for detail in details:
            self.write_paragraph(detail, size=10.5, after=0)
        self.set_text_color(*INK)

    def parties(self, left: tuple[str, Sequence[str]], right: tuple[str, Sequence[str]]) -> None:
        """Write two labelled addresses side by side, and move below the longer one."""
        top = max(self.get_y() + 10, WINDOW_Y)
        bottom = top
        for (label, lines), x, width in (
            (left, MARGIN, WINDOW_X - MARGIN - 8),
            (right, WINDOW_X, WINDOW_WIDTH),
        ):
            self.set_xy(x, top - 6)
            self.small(label, width)
            self.write_address(lines, x=x, y=top, width=width, height=5.2)
            bottom = max(bottom, self.get_y())
        self.set_xy(MARGIN, bottom + 6)

    def beneficiary(self, order: Order) -> None:
        """Write whom the licences are for, if the address does not say so."""
        school, body = order.school, order.collectivity
        if school is not None:
            name = format_school_name(school.name)
            self.body(f"Pour : {name}, {school.postal_code} {school.commune}, UAI {school.uai}.", WIDTH, after=1)
        elif typed := describe_typed_school(order):
            self.body(f"Pour : {typed}.", WIDTH, after=1)
        elif body is not None and order.bill_name and body.name != order.bill_name:
            self.body(f"Pour : {body.name}.", WIDTH, after=1)
        self.set_x(MARGIN)

    def orderer(self, label: str, order: Order) -> None:
        """Write who placed the order or requested the quote, apart from who pays."""
        buyer = order.placed_by
        if buyer is not None and buyer.get_full_name():
            details = ", ".join(filter(None, (buyer.get_full_name(), buyer.email)))
            self.body(f"{label}{formatting.NO_BREAK_SPACE}: {details}.", WIDTH, after=3)
        self.set_x(MARGIN)

    def small(self, text: str, width: float = 0) -> None:
        """Write a label in a small font."""
        self.set_text_color(*SOFT)
        self.set_text_size(9)
        self.multi_cell(width, 4.4, text, align=Align.L, new_x=XPos.LEFT, new_y=YPos.NEXT)
        self.set_text_color(*INK)

    def heading(self, text: str, width: float = 0) -> None:
        """Write a heading at the current position."""
        self.set_text_size(11, bold=True)
        self.multi_cell(width, 5.6, text, align=Align.L, new_x=XPos.LEFT, new_y=YPos.NEXT)
        self.set_xy(self.get_x(), self.get_y() + 0.6)

    def body(self, text: str, width: float = 0, *, after: float = 1.2) -> None:
        """Write a paragraph at the current position, and keep its left edge."""
        self.set_text_size(9.5)
        self.multi_cell(width, 4.5, text, align=Align.L, new_x=XPos.LEFT, new_y=YPos.NEXT)
        self.set_xy(self.get_x(), self.get_y() + after)

    def numbered(self, steps: Sequence[str], width: float) -> None:
        """Write numbered steps at the current position."""
        left = self.get_x()
        for number, step in enumerate(steps, 1):
            self.set_text_size(9.5, bold=True)
            self.set_x(left)
            self.cell(5, 4.5, f"{number}.", new_x=XPos.RIGHT, new_y=YPos.TOP)
            self.body(step, width - 5)
        self.set_x(left)

    def lines(self, lines: Iterable[OrderLine]) -> None:
        """Write the table of order lines, with the expiry date of each."""
        self.set_fill_color(*PALE)
        self.set_text_size(9, bold=True)
        for title, width, align in _COLUMNS:
            self.cell(width, 7, title, border="TB", align=align, fill=True, new_x=XPos.RIGHT, new_y=YPos.TOP)
        self.set_xy(MARGIN, self.get_y() + 7)
        for line in lines:
            self._line(line)

    def _line(self, line: OrderLine) -> None:
        top = self.get_y() + 2
        self.set_xy(MARGIN, top)
        self.set_text_size(10.5)
        self.multi_cell(
            _COLUMNS[0][1] - 2, 5.2, describe_line(line), align=Align.L, new_x=XPos.LMARGIN, new_y=YPos.NEXT
        )
        bottom = self.get_y() + 2
        x = MARGIN + _COLUMNS[0][1]
        cells = (
            formatting.number(line.billed_quantity),
            formatting.euros(line.unit_ht),
            formatting.percent(line.vat_rate),
            formatting.euros(line.total_ht),
        )
        for text, (_title, width, align) in zip(cells, _COLUMNS[1:], strict=True):
            self.set_xy(x, top)
            self.cell(width, 5.2, text, align=align)
            x += width
        self.line(MARGIN, bottom, MARGIN + WIDTH, bottom)
        self.set_xy(MARGIN, bottom)

    def totals(self, order: Order, lines: Sequence[OrderLine]) -> None:
        """Write the totals, with VAT by rate, on the right."""
        self.set_y(self.get_y() + 2)
        self._total("Total HT", formatting.euros(order.total_ht))
        rates = money.total_by_rate(
            (line.vat_rate, money.Amounts(line.total_ht, line.total_vat, line.total_ttc)) for line in lines
        )
        for rate, rate_amounts in rates:
            self._total(f"TVA {formatting.percent(rate)}", formatting.euros(rate_amounts.vat))
        self._total("TOTAL TTC", formatting.euros(order.total_ttc), bold=True)
        self.set_xy(MARGIN, self.get_y() + 3)
        for reason in dict.fromkeys(line.vat_reason for line in lines if line.vat_reason):
            self.body(formatting.add_nonbreaking_spaces(reason), WIDTH, after=2)
            self.set_x(MARGIN)

    def _total(self, label: str, amount: str, *, bold: bool = False) -> None:
        self.set_text_size(11.5 if bold else 10.5, bold=bold)
        self.set_x(MARGIN + WIDTH - 74)
        self.cell(40, 6, label, align=Align.L, new_x=XPos.RIGHT, new_y=YPos.TOP)
        self.cell(34, 6, amount, align=Align.R, new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def field(self, label: str, value: str, *, width: float) -> None:
        """Write a field: its value, or a dotted line to complete by hand."""
        left = self.get_x()
        self.set_text_size(9.5)
        self.cell(_LABEL_WIDTH, 6.4, label, new_x=XPos.RIGHT, new_y=YPos.TOP)
        if value:
            self.set_text_size(10, bold=True)
            self.multi_cell(width - _LABEL_WIDTH, 6.4, value, align=Align.L, new_x=XPos.LEFT, new_y=YPos.NEXT)
        else:
            self.dots(self.get_x(), self.get_y() + 5, width - _LABEL_WIDTH)
            self.set_y(self.get_y() + 7)
        self.set_x(left)

    def dots(self, x: float, y: float, width: float) -> None:
        """Draw a dotted line to write on."""
        self.set_draw_color(*SOFT)
        self.set_dash_pattern(dash=0.4, gap=1.1)
        self.line(x, y, x + width, y)
        self.set_dash_pattern()
        self.set_draw_color(*LINE)


def describe_line(line: OrderLine) -> str:
    """Return the description of a line with its expiry date: « … – expiration au 31/08/2027 » (the guide's wording).

    With its licences where the quantity is that of a tier, which has one price.
    """
    until = f"–{formatting.NO_BREAK_SPACE}expiration au {formatting.short_date(line.school_year.ends_on)}"
    licences = f" ({formatting.pluralize(line.quantity, 'licence')})" if line.quantity != line.billed_quantity else ""
    return f"{line.description} {until}{licences}"


def format_seller_address(seller: Seller) -> list[str]:
    """Return the seller's postal address, its name first."""
    return [seller.name, seller.address, f"{seller.postal_code} {seller.city}"]


def format_legal_identity(seller: Seller) -> tuple[str, str]:
    """Return the seller's legal identity required on commercial documents, in two lines."""
    return (
        f"{seller.name}, {seller.legal_form}, {seller.address}, {seller.postal_code} {seller.city} – {seller.rcs}",
        (
            f"SIRET {siret_numbers.format_with_spaces(seller.siret)} – TVA {seller.vat_number}"
            f" – {seller.phone} – {seller.email}"
        ),
    )


def format_billing_address(order: Order) -> list[str]:
    """Return the non-empty lines of the billing address, the name first; with the country outside France."""
    country = "" if order.bill_country.strip().casefold() == "france" else order.bill_country
    lines = (
        order.bill_name,
        order.bill_address,
        order.bill_address_extra,
        f"{order.bill_postal_code} {order.bill_city}".strip(),
        country,
    )
    return [line for line in lines if line]
