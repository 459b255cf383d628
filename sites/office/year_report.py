"""The figures of a school year of an office, those of the year before beside them, and what is said of them."""

import datetime
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

from core import formatting, money
from core.formatting import format_school_year
from core.money import Amounts
from licensing.entitlements.queries import ends_in_school_year, get_last_days, get_school_year
from licensing.orders.models import OrderLine
from licensing.orders.queries import SOLD_STATES, compute_price
from licensing.pools.year_use import (
    WeekCounts,
    YearDay,
    YearPurchase,
    YearUse,
    YearUses,
    count_year_by_week,
    read_purchases,
    read_seats_by_week,
    read_uses,
)
from schools.models import School
from schools.wording import format_school_name
from sites.office.purchases import list_purchases
from sites.office.weeks import MIN_WEEKS, PLOT_SIZE, PlottedMonth, choose_scale_top, name_months
from sites.office.year_figures import format_share

# Which schools the report names: those where no class can be recognised by what is said of its school.
#
# With fewer than `MIN_LICENCES`, who teaches one of the classes knows from the school's figures what the other does.

MIN_LICENCES = 3
#: A group of one school would be that school.
_MIN_GROUPED = 2


class GroupedSchools(NamedTuple):
    """The schools that are not named: how many, and what they have together."""

    schools: int
    use: YearUse


class SplitSchools(NamedTuple):
    """The schools that are named, those with the most classes first; and the others, if any."""

    #: UAI and use of those that were read: all, or the first.
    named: list[tuple[str, YearUse]]
    #: How many are named, and what they have together.
    total: int
    use: YearUse
    grouped: GroupedSchools | None


def add_up(uses: Mapping[YearUse, int]) -> YearUse:
    """Return the sum of what schools have; `uses`: how many have the same."""
    given = redeemed = used = 0
    for one, count in uses.items():
        given += one.given * count
        redeemed += one.redeemed * count
        used += one.used * count
    return YearUse(given, redeemed, used)


def shows_use(use: YearUse) -> bool:
    """Whether how many licences are used may be told of so many."""
    return use.given >= MIN_LICENCES


def split_schools(uses: YearUses) -> SplitSchools:
    """Return which schools of the first day are named, and the group of the others.

    A group that would not hide its schools takes in the smallest of the others, with whom it does. Where all of them
    together are too few, none is named and there is no group.
    """
    counts = uses.counts[0]
    if not shows_use(add_up(counts)):
        return SplitSchools([], 0, YearUse(), None)
    hidden, named = Counter({use: count for use, count in counts.items() if not shows_use(use)}), uses.first
    if hidden and not _hides(hidden) and uses.smallest is not None:
        hidden[uses.smallest[1]] += 1
        named = [entry for entry in named if entry != uses.smallest]
    grouped = GroupedSchools(hidden.total(), add_up(hidden)) if hidden else None
    return SplitSchools(named, counts.total() - hidden.total(), add_up(counts - hidden), grouped)


def _hides(schools: Counter[YearUse]) -> bool:
    return schools.total() >= _MIN_GROUPED and shows_use(add_up(schools))


class UsedClassCost(NamedTuple):
    """The price of a year's licences, and of each class that used one; None where nothing was paid or used."""

    total: Amounts
    #: Without and with VAT.
    ht: Decimal | None = None
    ttc: Decimal | None = None

    @property
    def total_ht(self) -> Decimal | None:
        # What the operator granted has no price: not one of 0 €.
        return self.total.ht or None

    @property
    def total_ttc(self) -> Decimal | None:
        return self.total.ttc or None


def read_price(school_year: int) -> Amounts:
    """Return the price of the licences bought for a school year, partial credit notes deducted. One query.

    Of orders that stand: neither cancelled nor lapsed. What the operator granted has no price.
    """
    lines = OrderLine.objects.filter(
        ends_in_school_year(school_year, "entitlement"),
        order__in=list_purchases().filter(state__in=SOLD_STATES),
        entitlement__cancelled_at=None,
    ).select_related("order")
    return money.sum_amounts(compute_price(line) for line in lines)


def share_price(total: Amounts, used: int | None) -> UsedClassCost:
    """Return the cost of a used class; `used`: None where it may not be told."""
    if not total.ttc or not used:
        return UsedClassCost(total)
    ht, ttc = (money.round_to_cents(amount / Decimal(used)) for amount in (total.ht, total.ttc))
    return UsedClassCost(total, ht, ttc)


_WEEK = datetime.timedelta(days=7)


class ReportFigures(NamedTuple):
    """The licences of a school year by a day, and the schools that had some."""

    bought: int
    #: Of those bought: the operator's gifts.
    granted: int
    given: int
    redeemed: int
    #: None where so few were given that a class could be recognised.
    used: int | None
    schools: int


class SchoolsByUse(NamedTuple):
    """How many schools use all of their licences, some of them, none of a redeemed key, and have redeemed none."""

    all_used: int
    some_used: int
    none_used: int
    not_redeemed: int


class ReportedSchool(NamedTuple):
    """A school that the report names."""

    uai: str
    name: str
    commune: str
    use: YearUse


class ReportWeek(NamedTuple):
    """A week: what happened, and the licences redeemed and used by its end."""

    counts: WeekCounts
    redeemed: int
    used: int

    @property
    def monday(self) -> datetime.date:
        return self.counts.monday


@dataclass(frozen=True)
class YearReport:
    """A school year of an office, counted up to a day."""

    #: In which it ends.
    year: int
    day: datetime.date
    figures: ReportFigures
    #: At the end of the year before; None where nothing was bought for it.
    last_year: ReportFigures | None
    #: Of the year before, a year before `day`; None where this year is over.
    same_day: ReportFigures | None
    cost: UsedClassCost
    last_cost: UsedClassCost
    #: None where a class could be recognised.
    by_use: SchoolsByUse | None
    split: SplitSchools
    weeks: Sequence[ReportWeek]

    @property
    def label(self) -> str:
        """« 2026-2027 »."""
        return format_school_year(self.year)

    @property
    def last_label(self) -> str:
        """« 2025-2026 »."""
        return format_school_year(self.year - 1)

    @property
    def is_over(self) -> bool:
        """Whether it is counted up to its last day."""
        return self.day == get_last_days(self.year)[1]

    @property
    def grouped(self) -> GroupedSchools | None:
        return self.split.grouped

    @cached_property
    def schools(self) -> list[ReportedSchool]:
        """The schools that are named and were read, those with the most classes first. One query."""
        return self.name_schools(self.split.total)

    def name_schools(self, count: int) -> list[ReportedSchool]:
        """Return the first of them. One query."""
        first = self.split.named[:count]
        rows = School.objects.filter(uai__in_array=[uai for uai, _ in first]).values_list("uai", "name", "commune")
        found = {uai: (format_school_name(name), commune) for uai, name, commune in rows}
        return [ReportedSchool(uai, *found[uai], use) for uai, use in first]

    def add_up_named(self, skipped: int) -> YearUse:
        """Return what the schools that are named have together, but the first of them."""
        first = add_up(Counter(use for _, use in self.split.named[:skipped]))
        return YearUse(*(total - part for total, part in zip(self.split.use, first, strict=True)))


def choose_year(years: Sequence[int], day: datetime.date) -> int | None:
    """Return the school year to show: that of the day, else the latest one before, else the next to come."""
    running = get_school_year(day)
    return max((year for year in years if year <= running), default=min(years, default=None))


def read_report(year: int, day: datetime.date, *, named: int | None = None) -> YearReport:
    """Return the report of a school year as it is on a day, or was on its last. Six queries.

    `named`: how many schools are to be named at most; all by default.
    """
    before, last = get_last_days(year)
    counted = YearDay(year, min(day, last))
    asked = [counted, YearDay(year - 1, min(day, before)), YearDay(year - 1, _find_same_day(counted.day, before))]
    purchases, uses = read_purchases(asked), read_uses(asked, least=MIN_LICENCES, limit=named)
    figures, last_year, same_day = (_add_up(*one) for one in zip(purchases, uses.counts, strict=True))
    has_last_year = bool(last_year.bought)
    hides_use = figures.used is None
    return YearReport(
        year=year,
        day=counted.day,
        figures=figures,
        last_year=last_year if has_last_year else None,
        same_day=same_day if has_last_year and counted.day < last else None,
        cost=share_price(read_price(year), figures.used),
        last_cost=share_price(read_price(year - 1), last_year.used),
        by_use=None if hides_use else _count_by_use(uses.counts[0]),
        split=split_schools(uses),
        weeks=[] if hides_use else _list_weeks(counted),
    )


def _find_same_day(day: datetime.date, last: datetime.date) -> datetime.date:
    """Return the day a year before, 28 February for 29; of a year to come, at most its last day."""
    try:
        return min(day.replace(year=day.year - 1), last)
    except ValueError:
        return min(day.replace(year=day.year - 1, day=28), last)


def _add_up(purchase: YearPurchase, uses: Counter[YearUse]) -> ReportFigures:
    total = add_up(uses)
    return ReportFigures(
        bought=purchase.bought,
        granted=purchase.granted,
        given=total.given,
        redeemed=total.redeemed,
        used=total.used if shows_use(total) or not total.given else None,
        schools=uses.total(),
    )


def _count_by_use(uses: Counter[YearUse]) -> SchoolsByUse:
    all_used = some_used = none_used = not_redeemed = 0
    for one, count in uses.items():
        if not one.redeemed:
            not_redeemed += count
        elif not one.used:
            none_used += count
        elif one.used < one.given:
            some_used += count
        else:
            all_used += count
    return SchoolsByUse(all_used, some_used, none_used, not_redeemed)


def _list_weeks(counted: YearDay) -> list[ReportWeek]:
    """Return the weeks up to the day, from the first with a key sent or activated, or a seat taken. Two queries."""
    weeks, seats = count_year_by_week(counted.year, counted.day), read_seats_by_week(counted)
    # A seat is taken after its key was activated: no week of seats is before the first of keys.
    redeemed = accumulate(week.licences for week in weeks)
    used = accumulate(seats.get(week.monday, 0) for week in weeks)
    return [ReportWeek(*one) for one in zip(weeks, redeemed, used, strict=True)]


class ZonedWeek(NamedTuple):
    """A week of the drawing, which says its figures where the pointer rests."""

    #: Left edge, in percent of the width.
    left: str
    words: str


class ReportCurve(NamedTuple):
    """The two lines; places are parts of the width and of the height, from the upper left corner."""

    redeemed: list[tuple[float, float]]
    used: list[tuple[float, float]]
    zones: list[ZonedWeek]
    months: list[PlottedMonth]
    week_width: str
    #: Labels of the scale, the highest first.
    scale: tuple[int, int, int]
    description: str
    plot_size: int = PLOT_SIZE

    @property
    def redeemed_line(self) -> str:
        """Path of the line in a view box of `PLOT_SIZE`."""
        return _draw_path(self.redeemed)

    @property
    def used_line(self) -> str:
        return _draw_path(self.used)

    @property
    def used_area(self) -> str:
        """Path of the area below the line."""
        left, right = (f"{PLOT_SIZE * self.used[end][0]:.0f}" for end in (0, -1))
        return f"{self.used_line} {right} {PLOT_SIZE} {left} {PLOT_SIZE}Z"


def draw_report_curve(weeks: Sequence[ReportWeek]) -> ReportCurve:
    """Return the curve of some consecutive weeks, one at least; an empty week goes before, or several to few."""
    missing = range(max(1, MIN_WEEKS - len(weeks)), 0, -1)
    before = [ReportWeek(WeekCounts(weeks[0].monday - number * _WEEK), 0, 0) for number in missing]
    drawn = [*before, *weeks]
    top = choose_scale_top(max(week.redeemed for week in drawn))
    return ReportCurve(
        redeemed=_place_points((week.redeemed for week in drawn), len(drawn), top),
        used=_place_points((week.used for week in drawn), len(drawn), top),
        zones=[
            ZonedWeek(f"{100 * number / len(drawn):.2f}%", _describe_week(week)) for number, week in enumerate(drawn)
        ],
        months=name_months(drawn),
        week_width=f"{100 / len(drawn):.2f}%",
        scale=(top, top // 2, 0),
        description=_describe(weeks),
    )


def _place_points(counts: Iterable[int], weeks: int, top: int) -> list[tuple[float, float]]:
    return [((number + 0.5) / weeks, 1 - count / top) for number, count in enumerate(counts)]


def _draw_path(points: Iterable[tuple[float, float]]) -> str:
    return "M" + " ".join(f"{PLOT_SIZE * x:.0f} {PLOT_SIZE * y:.0f}" for x, y in points)


def _describe_week(week: ReportWeek) -> str:
    sunday = week.monday + datetime.timedelta(days=6)
    words = f"Le {formatting.long_date(sunday)} : {_describe_counts(week)}."
    return formatting.add_nonbreaking_spaces(words)


def _describe(weeks: Sequence[ReportWeek]) -> str:
    since = formatting.long_date(weeks[0].monday)
    words = f"Courbe des licences depuis la semaine du {since} : à la fin, {_describe_counts(weeks[-1])}."
    return formatting.add_nonbreaking_spaces(f"{words} Le tableau qui suit dit la même chose.")


def _describe_counts(week: ReportWeek) -> str:
    redeemed = formatting.pluralize(week.redeemed, "licence activée", "licences activées")
    used = "1 utilisée" if week.used == 1 else f"{formatting.number(week.used)} utilisées"
    return f"{redeemed}, dont {used}"


#: Where a figure is not known, or may not be told.
NO_FIGURE = "—"


class ReportLine(NamedTuple):
    """A figure of the year, beside those of the year before: at its end, and on the same day; None for unknown."""

    label: str
    now: int | Decimal | None
    last_year: int | Decimal | None
    same_day: int | Decimal | None
    #: What the figure is a part of, « 64 % des données »; empty for none.
    details: str = ""
    is_amount: bool = False

    def format(self, value: int | Decimal | None) -> str:
        """Return a value as it is read."""
        if value is None:
            return NO_FIGURE
        return formatting.euros(Decimal(value)) if self.is_amount else formatting.number(int(value))

    @property
    def now_text(self) -> str:
        return self.format(self.now)

    @property
    def last_year_text(self) -> str:
        return self.format(self.last_year)

    @property
    def same_day_text(self) -> str:
        return self.format(self.same_day)


def list_lines(report: YearReport, *, with_price: bool) -> list[ReportLine]:
    """Return the figures of the report; `with_price`: those who may not see prices get none.

    No price either where all is granted, this year and the last: four rows would say so.
    """
    now = report.figures
    lines = [
        _count(report, "Licences achetées", lambda one: one.bought, _describe_gifts(now)),
        _count(report, "Données aux écoles", lambda one: one.given, _share(now.given, now.bought, "des achetées")),
        _count(report, "Activées", lambda one: one.redeemed, _share(now.redeemed, now.given, "des données")),
        _count(report, "Utilisées par une classe", lambda one: one.used, _share(now.used, now.given, "des données")),
        _count(report, "Écoles qui ont des licences", lambda one: one.schools),
    ]
    if with_price and _has_price(report):
        cost, last = report.cost, report.last_cost
        lines += [
            _amount("Prix des licences HT", cost.total_ht, last.total_ht),
            _amount("Prix des licences TTC", cost.total_ttc, last.total_ttc),
            _amount("Prix d’une classe utilisée HT", cost.ht, last.ht),
            _amount("Prix d’une classe utilisée TTC", cost.ttc, last.ttc),
        ]
    return lines


def _has_price(report: YearReport) -> bool:
    return bool(report.cost.total_ht or report.last_cost.total_ht)


def _count(
    report: YearReport, label: str, choose: Callable[[ReportFigures], int | None], details: str = ""
) -> ReportLine:
    return ReportLine(
        label,
        choose(report.figures),
        choose(report.last_year) if report.last_year else None,
        choose(report.same_day) if report.same_day else None,
        details,
    )


def _amount(label: str, now: Decimal | None, last_year: Decimal | None) -> ReportLine:
    return ReportLine(label, now, last_year, None, is_amount=True)


def _describe_gifts(figures: ReportFigures) -> str:
    if not figures.granted:
        return ""
    if figures.granted == figures.bought:
        return "offertes"
    return f"dont {formatting.pluralize(figures.granted, 'offerte')}"


def _share(part: int | None, total: int, base: str) -> str:
    return f"{format_share(part, total)} {base}" if part is not None and total else ""


def list_uses(report: YearReport) -> list[tuple[str, int]]:
    """Return how many schools use their licences, in four lines; none where a class could be recognised."""
    if report.by_use is None or not report.figures.schools:
        return []
    return [
        ("Utilisent toutes leurs licences", report.by_use.all_used),
        ("En utilisent une partie", report.by_use.some_used),
        ("Ont activé, sans rien utiliser encore" if not report.is_over else "Ont activé, sans rien utiliser",
         report.by_use.none_used),
        ("N’ont pas activé leur clé", report.by_use.not_redeemed),
    ]  # fmt: skip


def describe_group(grouped: GroupedSchools) -> str:
    """Return « 14 écoles non nommées, ensemble »."""
    return f"{formatting.pluralize(grouped.schools, 'école non nommée', 'écoles non nommées')}, ensemble"


def describe_day(report: YearReport) -> str:
    """Return « au 28 novembre 2026 »."""
    return f"au {formatting.long_date(report.day)}"


def list_notes(report: YearReport, *, with_price: bool) -> list[str]:
    """Return what a reader has to know of the figures, in sentences."""
    notes = ["Une licence est utilisée quand un enseignant l’a pour sa classe ce jour-là."]
    if not report.is_over:
        notes.append("Clés activées et licences utilisées : à jour à quelques secondes près.")
    if report.figures.used is None:
        notes.append(
            f"Moins de {MIN_LICENCES} licences sont données : dire combien servent ferait reconnaître une classe."
        )
    elif report.grouped is not None:
        notes.append(
            f"Une école de moins de {MIN_LICENCES} licences n’est pas nommée : une classe s’y reconnaîtrait. "
            "Elles sont comptées ensemble, avec une plus grande s’il le faut."
        )
    if with_price and _has_price(report):
        notes.append(
            "Prix des commandes passées, avoirs déduits ; les licences offertes n’en ont pas. "
            "Le prix d’une classe est ce total, partagé entre les licences utilisées."
        )
    if report.same_day is not None:
        notes.append("Un an avant : les écoles servies ce jour-là, dans les volumes qu’elles ont eus ensuite.")
    return [formatting.add_nonbreaking_spaces(note) for note in notes]
