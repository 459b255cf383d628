"""« Écoles »: the portfolio with what each school holds, activated and uses, filtered, sorted and exported."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlencode

import django_filters
from django.core.paginator import Paginator
from django.db.models import F, OrderBy, QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.http import require_GET

from accounts.throttling import limit_downloads
from collectivities.access import OfficeHttpRequest, office
from collectivities.capabilities import Capability
from collectivities.models import PortfolioSchool
from collectivities.operations.portfolio import CONTACT_CHOICES, PortfolioFilter
from collectivities.queries import list_members
from core.calendar import date_in_paris
from core.documents import build_file_response
from core.formatting import format_school_year
from core.spreadsheets import WorksheetContent
from core.spreadsheets import build_workbook as write_workbook
from licensing.pools.filters import DORMANT_DAYS
from licensing.pools.queries import AllocationState, KeyLetters, list_key_letters
from licensing.pools.wording import SchoolKey
from licensing.pools.year_use import SchoolHolding, list_running_years, list_school_holdings
from schools.wording import format_school_name
from sites.office.school import LIST_PARAMETER

#: Choices of « Licences ».
NONE, DORMANT, UNREACHED = "none", "dormant", "unreached"
_LICENCES = (
    (NONE, SchoolKey.NONE.value),
    (DORMANT, SchoolKey.NOT_REDEEMED.value),
    (UNREACHED, SchoolKey.UNDELIVERED.value),
)


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
#: Longest part of a file's name.
_MAX_SLUG = 40


def fits(licences: str, holding: SchoolHolding) -> bool:
    """Whether a school that holds this is of the choice; every school is of the empty one."""
    if licences == NONE:
        return not holding.units
    if licences == DORMANT:
        return holding.is_dormant
    return holding.is_unreached if licences == UNREACHED else True


class SchoolListFilter(PortfolioFilter):
    """Filter portfolio schools; `licences` and `year` are applied to what the schools hold, outside the database."""

    licences = django_filters.ChoiceFilter(label="Licences", empty_label="Toutes", choices=_LICENCES, method="keep")
    year = django_filters.ChoiceFilter(label="Année scolaire", empty_label=None, choices=[], method="keep")

    def __init__(
        self,
        data: Any,
        queryset: QuerySet[PortfolioSchool],
        *,
        years: Sequence[datetime.date],
        communes: Mapping[str, str],
    ) -> None:
        """Offer the communes, by code; and the years where there are several: the first unless another is chosen."""
        super().__init__(data, queryset)
        self._years, self.communes = years, communes
        self.filters["commune"].extra["choices"] = list(communes.items())
        if len(years) > 1:
            self.filters["year"].extra["choices"] = [(str(day), format_school_year(day.year)) for day in years]
        else:
            del self.filters["year"]

    def keep(self, rows: QuerySet[PortfolioSchool], name: str, value: str) -> QuerySet[PortfolioSchool]:
        """Leave the rows as they are."""
        return rows

    @property
    def last_day(self) -> datetime.date | None:
        """The last day of the licences that are shown; None where the office has none."""
        chosen = self._clean().get("year")
        return next((day for day in self._years if str(day) == chosen), self._years[0] if self._years else None)

    @property
    def chosen_licences(self) -> str:
        """The choice of « Licences », or an empty text."""
        return self._clean().get("licences") or ""

    @property
    def shows_letters(self) -> bool:
        """Whether the list says when keys were sent and schools reminded."""
        return self.chosen_licences in (DORMANT, UNREACHED)

    @property
    def columns(self) -> Sequence[SortColumn]:
        """The columns that are shown."""
        return (*COLUMNS, *LETTER_COLUMNS) if self.shows_letters else COLUMNS

    @property
    def narrows(self) -> bool:
        """Whether fewer schools than all those of the portfolio may be shown."""
        return any(value for name, value in self._clean().items() if name != "year")

    def list_chosen(self, *names: str) -> dict[str, str]:
        """Return the values of these fields that are set."""
        cleaned = self._clean()
        return {name: cleaned[name] for name in names if cleaned.get(name)}

    def list_slugs(self) -> list[str]:
        """Return what the filter keeps, as parts of a file's name: « cle-non-activee », « nimes »."""
        chosen = self._clean()
        parts = [dict(_LICENCES).get(chosen.get("licences", ""), "")]
        if code := chosen.get("commune"):
            parts.append(self.communes[code])
        if chosen.get("contact"):
            parts.append(dict(CONTACT_CHOICES)[chosen["contact"]])
        parts.append(chosen.get("text", ""))
        if chosen.get("year"):
            parts.append(chosen["year"][:4])
        return [slug for part in parts if (slug := slugify(part)[:_MAX_SLUG].strip("-"))]

    def _clean(self) -> dict[str, Any]:
        return self.form.cleaned_data if self.form.is_valid() else {}


_NOTHING = SchoolHolding()
_PLACES = ("school__commune_folded", "school__name_folded", "school_id")
#: How many schools without a way to reach them are named above the list.
_MAX_NAMED = 5


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
        if sort.removeprefix("-") not in {column.name for column in school_filter.columns}:
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


def _list_order(column: str, *, reverse: bool) -> list[OrderBy]:
    """Return the order by a column of the portfolio or the directory, then by commune; by commune for the others."""
    usual = [F(field).asc() for field in _PLACES]
    if column not in _ROW_ORDERS:
        return usual
    by_column = F(_ROW_ORDERS[column])
    # Unknown numbers of classes come last in both directions.
    return [by_column.desc(nulls_last=True) if reverse else by_column.asc(nulls_last=True), *usual]


_NO_LETTERS = KeyLetters()
_COLUMN_TITLES = (
    "UAI", "École", "Code postal", "Commune", "Classes", "Licences", "Activées", "Utilisées", "État", "Contact",
    "Adresse e-mail", "Téléphone", "Envoyée le", "Dernière relance", "Dernier e-mail",
)  # fmt: skip
_COLUMN_WIDTHS = (11, 44, 11, 24, 9, 9, 9, 9, 18, 24, 38, 16, 13, 17, 16)


def build_workbook(schools: Iterable[SchoolWithHolding], letters: Mapping[str, KeyLetters]) -> bytes:
    """Return the schools as an xlsx file, in their order; `letters`: what became of their e-mails, by UAI."""
    rows = (_build_row(listed, letters.get(listed.row.school_id, _NO_LETTERS)) for listed in schools)
    return write_workbook(WorksheetContent("Écoles", _COLUMN_TITLES, _COLUMN_WIDTHS, rows))


def _build_row(listed: SchoolWithHolding, letters: KeyLetters) -> Sequence[Any]:
    row, holding = listed.row, listed.holding
    return (
        row.school_id,
        listed.name,
        row.school.postal_code,
        row.school.commune,
        row.classes,
        holding.units,
        holding.redeemed,
        holding.used,
        listed.state[0],
        row.contact_name,
        row.contact_email or row.school.email,
        row.contact_phone or row.school.phone,
        letters.sent_at and date_in_paris(letters.sent_at),
        letters.reminded_at and date_in_paris(letters.reminded_at),
        letters.state,
    )


PAGE_SIZE = 50
_XLSX_CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@office()
@require_GET
def school_list(request: OfficeHttpRequest) -> HttpResponse:
    """List the filtered and sorted schools of the portfolio, below what the whole portfolio lacks."""
    listing = SchoolListing.of(request.GET, date_in_paris(timezone.now()))
    page = Paginator(listing.uais, PAGE_SIZE).get_page(request.GET.get("page"))
    last_day = listing.filter.last_day
    overview, manages = listing.summarise(), request.member.may(Capability.GIVE_LICENCES)
    context = {
        "filter": listing.filter,
        "filtered": listing.filter.narrows,
        "columns": [_build_heading(column.name, listing.sort) | column._asdict() for column in listing.filter.columns],
        "page_obj": page,
        "schools": listing.load(list(page.object_list)),
        "overview": overview,
        "managers": list_members(Capability.GIVE_LICENCES) if overview.dormant and not manages else [],
        "dormant_days": DORMANT_DAYS,
        # A school's page leads back to the list as it is filtered.
        "school_query": f"?{urlencode({LIST_PARAMETER: request.GET.urlencode()})}" if request.GET else "",
        "year": format_school_year(last_day.year) if last_day else "",
        "year_query": urlencode(listing.filter.list_chosen("year")),
        "remind_query": _build_remind_query(listing),
        "shows_dormant": listing.filter.chosen_licences == DORMANT,
        "shows_letters": listing.filter.shows_letters,
        "list_query": request.GET.urlencode(),
        "may_change": request.member.may(Capability.KEEP_SCHOOLS),
        "manages": manages,
    }
    return render(request, "office/schools/list.html", context)


@office()
@require_GET
@limit_downloads
def export(request: OfficeHttpRequest) -> HttpResponse:
    """Export the filtered list, all pages, as a workbook."""
    today = date_in_paris(timezone.now())
    listing = SchoolListing.of(request.GET, today)
    content = build_workbook(listing.load(listing.uais), list_key_letters(listing.filter.last_day))
    name = "-".join(["ecoles", *listing.filter.list_slugs(), str(today)])
    return build_file_response(content, name=f"{name}.xlsx", content_type=_XLSX_CONTENT_TYPE)


def _build_heading(name: str, sort: str) -> dict[str, Any]:
    """Return how a column is sorted now, and by what its heading's link sorts: figures begin with the most."""
    column, is_reversed = sort.removeprefix("-"), sort.startswith("-")
    first, second = (f"-{name}", name) if name in _FIGURES else (name, f"-{name}")
    is_sorted = column == name
    return {
        "sorted": ("descending" if is_reversed else "ascending") if is_sorted else "",
        "next": second if is_sorted and sort == first else first,
    }


_FIGURES = frozenset(column.name for column in COLUMNS if column.is_figure)


def _build_remind_query(listing: SchoolListing) -> str:
    """Return the parameters of the list of allocations that find the keys of these schools still to be redeemed.

    Empty where that list knows no filter that is set here.
    """
    chosen = listing.filter.list_chosen("text", "commune", "contact")
    if "contact" in chosen:
        return ""
    query = {"state": AllocationState.ISSUED.value}
    if "text" in chosen:
        query["q"] = chosen["text"]
    if "commune" in chosen:
        query["commune"] = listing.filter.communes[chosen["commune"]]
    return urlencode(query)
