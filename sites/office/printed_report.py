"""The report as a PDF of one A4 page: figures, curve with a table of months beside it, schools by use."""

import datetime
import io
from collections.abc import Sequence
from itertools import groupby

from babel.dates import format_date
from fpdf.enums import Align, XPos, YPos

from core import formatting
from core.documents import BLUE, INK, LINE, MARGIN, PALE, SOFT, WIDTH, LetterheadPdf
from sites.office.year_report import (
    ReportCurve,
    ReportWeek,
    YearReport,
    describe_day,
    describe_group,
    draw_report_curve,
    list_lines,
    list_notes,
    list_uses,
)

#: Rows for which the page has room, of schools and of months.
MAX_SCHOOLS, MAX_MONTHS = 10, 13
_WARM = (156, 74, 18)
_LOGO_WIDTH, _LOGO_HEIGHT = 42.0, 16.0
# Lengths in millimetres.
_ROW = 5.2
_PLOT_WIDTH, _PLOT_HEIGHT, _SCALE_WIDTH = 94.0, 44.0, 11.0
_MONTHS_X = MARGIN + _SCALE_WIDTH + _PLOT_WIDTH + 7
_MONTH_WIDTHS = (24.0, 18.0, 20.0)
_SCHOOL_WIDTHS = (78.0, 42.0, 18.0, 18.0, 18.0)


def render_report(
    report: YearReport, *, collectivity: str, logo: bytes | memoryview | None, with_price: bool, at: datetime.datetime
) -> bytes:
    """Return the PDF; `logo`: a PNG, at the head of the page."""
    page = _ReportPdf(report, collectivity=collectivity, logo=bytes(logo) if logo else None, at=at)
    page.write_head()
    page.write_lines(with_price=with_price)
    if report.weeks:
        page.draw_year(draw_report_curve(report.weeks))
    if uses := list_uses(report):
        page.write_schools(uses)
    page.write_notes(list_notes(report, with_price=with_price))
    return bytes(page.output())


class _ReportPdf(LetterheadPdf):
    """The page; its head has the collectivity's own logo, as the report is its own."""

    def __init__(self, report: YearReport, *, collectivity: str, logo: bytes | None, at: datetime.datetime) -> None:
        self._report, self._collectivity, self._logo = report, collectivity, logo
        title = f"Rapport {report.label}"
        identity = (f"{collectivity}, d’après Pep’s, établi le {formatting.long_date(at)}",)
        super().__init__(title=f"{title} – {collectivity}", reference=title, legal_identity=identity, at=at)
        # What is written fits; a second page would be a table cut in two.
        self.set_auto_page_break(auto=False)

    def header(self) -> None:
        """Draw the logo in the upper right corner."""
        if self._logo is not None:
            self.image(
                io.BytesIO(self._logo),
                x=MARGIN + WIDTH - _LOGO_WIDTH,
                y=MARGIN - 5,
                w=_LOGO_WIDTH,
                h=_LOGO_HEIGHT,
                keep_aspect_ratio=True,
                alt_text=f"Logo : {self._collectivity}",
            )
        self.set_xy(MARGIN, MARGIN - 3)

    def write_head(self) -> None:
        """Write the collectivity, the title, the year and the day."""
        width = WIDTH - _LOGO_WIDTH - 6
        self.set_text_size(11, bold=True)
        self.multi_cell(width, 5, self._collectivity, align=Align.L, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.set_text_color(*BLUE)
        self.set_text_size(18, bold=True)
        self.multi_cell(width, 9, "Rapport pour le conseil", align=Align.L, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.set_text_color(*SOFT)
        self.set_text_size(10.5)
        self.write_line(f"Licences Pep’s, année scolaire {self._report.label}, {describe_day(self._report)}")
        self.set_text_color(*INK)
        self.ln(3)

    def write_lines(self, *, with_price: bool) -> None:
        """Write the figures of the year beside those of the year before."""
        report = self._report
        titles = [report.label]
        if report.same_day is not None:
            titles.append(f"{report.last_label}, même date")
        if report.last_year is not None:
            titles.append(f"{report.last_label}, à la fin")
        widths = [WIDTH - 36.0 * len(titles), *[36.0] * len(titles)]
        self._write_header(["", *titles], widths)
        for line in list_lines(report, with_price=with_price):
            cells = [line.now_text]
            if report.same_day is not None:
                cells.append(line.same_day_text)
            if report.last_year is not None:
                cells.append(line.last_year_text)
            label = f"{line.label} ({line.details})" if line.details else line.label
            self._write_row([label, *cells], widths)
        self.ln(4)

    def draw_year(self, curve: ReportCurve) -> None:
        """Draw the curve, and the table of its months beside it."""
        self._write_title("L’année, semaine par semaine")
        top, left = self.get_y() + 2, MARGIN + _SCALE_WIDTH
        self.set_text_size(8)
        for number, label in enumerate(curve.scale):
            y = top + _PLOT_HEIGHT * number / 2
            self.set_draw_color(*LINE)
            self.line(left, y, left + _PLOT_WIDTH, y)
            self.set_xy(MARGIN, y - 2)
            self.cell(_SCALE_WIDTH - 2, 4, formatting.number(label), align=Align.R)
        self._draw_line(curve.used, top, color=BLUE)
        self.set_dash_pattern(dash=1.4, gap=1)
        self._draw_line(curve.redeemed, top, color=_WARM)
        self.set_dash_pattern()
        for month in curve.months:
            if month.needed_room < 2:  # noqa: PLR2004 - those shown on a telephone: the drawing is as wide
                self.set_xy(left + _PLOT_WIDTH * float(month.at.rstrip("%")) / 100, top + _PLOT_HEIGHT + 0.8)
                self.cell(14, 4, month.name)
        y = top + _PLOT_HEIGHT + 7
        self._write_legend("licences activées (tirets)", left, y, color=_WARM, is_dashed=True)
        self._write_legend("licences utilisées", left + 48, y, color=BLUE, is_dashed=False)
        self._write_months(self._report.weeks, top - 2)
        self.set_draw_color(*LINE)
        self.set_xy(MARGIN, max(y + 6, self.get_y() + 3))

    def _draw_line(self, points: Sequence[tuple[float, float]], top: float, *, color: tuple[int, int, int]) -> None:
        self.set_draw_color(*color)
        self.set_line_width(0.6)
        left = MARGIN + _SCALE_WIDTH
        self.polyline([(left + _PLOT_WIDTH * x, top + _PLOT_HEIGHT * y) for x, y in points])
        self.set_line_width(0.25)

    def _write_legend(self, text: str, x: float, y: float, *, color: tuple[int, int, int], is_dashed: bool) -> None:
        self.set_draw_color(*color)
        self.set_line_width(0.6)
        if is_dashed:
            self.set_dash_pattern(dash=1.4, gap=1)
        self.line(x, y + 2, x + 7, y + 2)
        self.set_dash_pattern()
        self.set_line_width(0.25)
        self.set_xy(x + 8, y)
        self.cell(36, 4, text)

    def _write_months(self, weeks: Sequence[ReportWeek], top: float) -> None:
        """Write what was redeemed and used at the end of each month, at the right of the curve."""
        months = [list(group)[-1] for _, group in groupby(weeks, key=_find_month)][-MAX_MONTHS:]
        self.set_xy(_MONTHS_X, top)
        self._write_header(["Fin de", "Activées", "Utilisées"], _MONTH_WIDTHS, x=_MONTHS_X, height=4.4)
        for week in months:
            name = format_date(week.monday, "MMM yyyy", locale="fr")
            cells = [name, formatting.number(week.redeemed), formatting.number(week.used)]
            self._write_row(cells, _MONTH_WIDTHS, x=_MONTHS_X, height=4)

    def write_schools(self, uses: Sequence[tuple[str, int]]) -> None:
        """Write how many schools use their licences, and the first of them."""
        report = self._report
        self._write_title("Les écoles, par usage")
        self.set_text_size(9)
        words = " ; ".join(
            f"{label[:1].lower()}{label[1:]} : {formatting.pluralize(count, 'école')}" for label, count in uses
        )
        self.write_line(formatting.add_nonbreaking_spaces(formatting.start_sentence(f"{words}.")), height=4.6)
        self.ln(1)
        self._write_header(["École", "Commune", "Licences", "Activées", "Utilisées"], _SCHOOL_WIDTHS, texts=2)
        for school in report.name_schools(MAX_SCHOOLS):
            cells = [school.name, school.commune, *map(formatting.number, school.use)]
            self._write_row(cells, _SCHOOL_WIDTHS, texts=2)
        if (others := report.split.total - MAX_SCHOOLS) > 0:
            words = formatting.pluralize(others, "autre école", "autres écoles")
            left = report.add_up_named(MAX_SCHOOLS)
            cells = [f"{words}, dans le classeur", "", *map(formatting.number, left)]
            self._write_row(cells, _SCHOOL_WIDTHS, texts=2)
        if report.grouped is not None:
            cells = [describe_group(report.grouped), "", *map(formatting.number, report.grouped.use)]
            self._write_row(cells, _SCHOOL_WIDTHS, texts=2)
        self.ln(3)

    def write_notes(self, notes: Sequence[str]) -> None:
        """Write what a reader has to know of the figures."""
        self.set_text_color(*SOFT)
        self.set_text_size(8.5)
        self.write_line(" ".join(notes), height=4)
        self.set_text_color(*INK)

    def _write_title(self, text: str) -> None:
        self.set_text_size(11.5, bold=True)
        self.write_line(text, height=6)

    def _write_header(
        self, titles: Sequence[str], widths: Sequence[float], *, x: float = MARGIN, height: float = 6, texts: int = 1
    ) -> None:
        self.set_fill_color(*PALE)
        self.set_draw_color(*LINE)
        self.set_text_size(9, bold=True)
        self._write_cells(titles, widths, x=x, height=height, texts=texts, fill=True)

    def _write_row(
        self, cells: Sequence[str], widths: Sequence[float], *, x: float = MARGIN, height: float = _ROW, texts: int = 1
    ) -> None:
        self.set_text_size(9)
        self._write_cells(cells, widths, x=x, height=height, texts=texts, fill=False)

    def _write_cells(
        self, cells: Sequence[str], widths: Sequence[float], *, x: float, height: float, texts: int, fill: bool
    ) -> None:
        """Write a line of cells, the first `texts` of them to the left."""
        self.set_x(x)
        for number, (text, width) in enumerate(zip(cells, widths, strict=True)):
            align = Align.L if number < texts else Align.R
            self.cell(
                width,
                height,
                self._shorten(text, width),
                border="B",
                align=align,
                fill=fill,
                new_x=XPos.RIGHT,
                new_y=YPos.TOP,
            )
        self.set_xy(x, self.get_y() + height)

    def _shorten(self, text: str, width: float) -> str:
        """Return the text, or its beginning and « … » where it is wider than its column."""
        room = width - 2 * self.c_margin
        if self.get_string_width(text) <= room:
            return text
        length = len(text)
        while length and self.get_string_width(f"{text[:length]}…") > room:
            length -= 1
        return f"{text[:length].rstrip()}…"


def _find_month(week: ReportWeek) -> datetime.date:
    return week.monday.replace(day=1)
