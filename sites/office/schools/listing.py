"""The portfolio's schools with what each holds: filtered, sorted, and the figures over all of them."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.db.models import F, OrderBy
from django.http import QueryDict

from collectivities.models import PortfolioSchool
from licensing.pools.wording import SchoolKey
from licensing.pools.year_use import SchoolHolding, list_running_years, list_school_holdings
from schools.wording import format_school_name
from sites.office.schools.filters import DORMANT, UNREACHED, SchoolListFilter, fits

_NOTHING = SchoolHolding()
_UNREDEEMED = frozenset({DORMANT, UNREACHED})
_PLACES = ("school__commune_folded", "school__name_folded", "school_id")
#: How many schools without a way to reach them are named above the list.
_MAX_NAMED = 5


class SortColumn(NamedTuple):
    """A column of the list, by which it can be sorted."""

    name: str
    label: str
    is_figure: bool = False
    is_date: bool = False


COLUMNS = (
    SortColumn("name", "École"),
    SortColumn("commune", "Commune"),
    SortColumn("classes", "Classes", is_figure=True),
    SortColumn("units", "Licences", is_figure=True),
    SortColumn("redeemed", "Activées", is_figure=True),
    SortColumn("used", "Utilisées", is_figure=True),
)
#: Beside these, where keys that are not redeemed are listed.
LETTER_COLUMNS = (
    SortColumn("sent_at", "Clé envoyée", is_date=True),
    SortColumn("reminded_at", "Relancée", is_date=True),
)
#: The columns that `SchoolHolding` has.
_HELD = frozenset({"units", "redeemed", "used"})
_LETTERS = frozenset(column.name for column in LETTER_COLUMNS)
#: What the database sorts by, for the columns that are not in the usual order.
_ROW_ORDERS = {"name": "school__name_folded", "classes": "classes"}


class SchoolWithHolding(NamedTuple):
    """A school of the portfolio and what it holds."""

    row: PortfolioSchool
    holding: SchoolHolding
    #: Whether another school of the portfolio has its name: only the UAI tells them apart.
    has_namesake: bool = False

    @property
    def name(self) -> str:
        return format_school_name(self.row.school.name)

    @property
    def has_address(self) -> bool:
        """Whether a key can be sent to it."""
        return bool(self.row.contact_email or self.row.school.email)

    @property
    def state(self) -> tuple[str, str]:
        """The label and the colour of its badge."""
        if not self.holding.units:
            return SchoolKey.NONE, "secondary"
        if self.holding.is_unreached:
            return SchoolKey.UNDELIVERED, "red"
        if self.holding.is_dormant:
            return SchoolKey.NOT_REDEEMED, "blue"
        if self.holding.redeemed:
            return SchoolKey.REDEEMED, "green"
        return SchoolKey.SUSPENDED, "orange"


class Overview(NamedTuple):
    """How many schools of the whole portfolio there are, and what they lack."""

    total: int
    #: Without any licence of the year; with a key that waits to be redeemed.
    without: int
    dormant: int
    unreached: int
    #: UAI and name of the first of the unreached.
    named: list[tuple[str, str]]


class _PortfolioEntry(NamedTuple):
    """What the page needs to know of every school of the portfolio."""

    uai: str
    name: str
    commune_code: str
    commune: str


@dataclass(frozen=True)
class SchoolListing:
    """The schools that answer to the query parameters, in the order asked for. Four queries at most, and one a page."""

    filter: SchoolListFilter
    #: The column sorted by, with « - » before it where the order is reversed.
    sort: str
    uais: list[str]
    _portfolio: Sequence[_PortfolioEntry]
    _holdings: Mapping[str, SchoolHolding]

    @classmethod
    def of(cls, parameters: QueryDict, day: datetime.date) -> SchoolListing:
        """Read the parameters of the page; invalid ones are ignored."""
        rows = PortfolioSchool.objects.order_by(*_PLACES)
        columns = ("school_id", "school__name", "school__commune_code", "school__commune")
        portfolio = list(map(_PortfolioEntry._make, rows.values_list(*columns)))
        # By name, as the rows are.
        communes = {entry.commune_code: entry.commune for entry in portfolio}
        school_filter = SchoolListFilter(parameters, rows, years=list_running_years(day), communes=communes)
        last_day = school_filter.last_day
        holdings = {} if last_day is None else list_school_holdings(last_day=last_day, day=day)
        sort = parameters.get("sort", "")
        if sort.removeprefix("-") not in {column.name for column in _list_columns(school_filter)}:
            sort = "commune"
        column, reverse = sort.removeprefix("-"), sort.startswith("-")
        if school_filter.list_chosen("text", "commune", "contact") or column in _ROW_ORDERS:
            found = school_filter.qs.order_by(*_list_order(column, reverse=reverse))
            uais = list(found.values_list("school_id", flat=True))
        else:
            uais = [entry.uai for entry in portfolio]
        if licences := school_filter.chosen_licences:
            uais = [uai for uai in uais if fits(licences, holdings.get(uai, _NOTHING))]
        if column in _HELD:
            # Sorted here: the sums stand in no table. Schools of one sum keep their order.
            uais.sort(key=lambda uai: getattr(holdings.get(uai, _NOTHING), column), reverse=reverse)
        elif column in _LETTERS:
            # Without one come last in both directions: a school that was never reminded is no late one.
            dated = [uai for uai in uais if getattr(holdings.get(uai, _NOTHING), column)]
            dated.sort(key=lambda uai: getattr(holdings[uai], column), reverse=reverse)
            uais = [*dated, *(uai for uai in uais if not getattr(holdings.get(uai, _NOTHING), column))]
        elif column == "commune" and reverse:
            uais.reverse()
        return cls(school_filter, sort, uais, portfolio, holdings)

    @property
    def shows_letters(self) -> bool:
        """Whether it says when keys were sent and schools reminded."""
        return _shows_letters(self.filter)

    @property
    def columns(self) -> Sequence[SortColumn]:
        """The columns that are shown."""
        return _list_columns(self.filter)

    def load(self, uais: Collection[str]) -> list[SchoolWithHolding]:
        """Return these schools, in this order. One query."""
        rows = {
            row.school_id: row
            for row in PortfolioSchool.objects.select_related("school").filter(school_id__in_array=uais)
        }
        names = Counter(entry.name.casefold() for entry in self._portfolio)
        return [
            SchoolWithHolding(row, self._holdings.get(uai, _NOTHING), names[row.school.name.casefold()] > 1)
            for uai in uais
            if (row := rows.get(uai))
        ]

    def summarise(self) -> Overview:
        """Return the figures over the whole portfolio, whatever is filtered."""
        without = dormant = 0
        unreached = []
        for entry in self._portfolio:
            holding = self._holdings.get(entry.uai)
            if holding is None:
                without += 1
                continue
            dormant += holding.is_dormant
            if holding.is_unreached:
                unreached.append((entry.uai, format_school_name(entry.name)))
        return Overview(len(self._portfolio), without, dormant, len(unreached), unreached[:_MAX_NAMED])


def _shows_letters(school_filter: SchoolListFilter) -> bool:
    return school_filter.chosen_licences in _UNREDEEMED


def _list_columns(school_filter: SchoolListFilter) -> Sequence[SortColumn]:
    return (*COLUMNS, *LETTER_COLUMNS) if _shows_letters(school_filter) else COLUMNS


def _list_order(column: str, *, reverse: bool) -> list[OrderBy]:
    """Return the order by a column of the portfolio or the directory, then by commune; by commune for the others."""
    usual = [F(field).asc() for field in _PLACES]
    if column not in _ROW_ORDERS:
        return usual
    by_column = F(_ROW_ORDERS[column])
    # Unknown numbers of classes come last in both directions.
    return [by_column.desc(nulls_last=True) if reverse else by_column.asc(nulls_last=True), *usual]
