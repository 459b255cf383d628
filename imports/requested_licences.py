"""Licences that an applied list of schools asks for, beside those that its schools hold and those that are free."""

import datetime
from collections.abc import Iterable
from typing import NamedTuple

from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.fields.json import KT

from core import formatting
from imports import queries
from imports.cells import parse_quantity
from imports.columns import RETURNED_TITLES, Meaning
from imports.enums import ImportState, Purpose
from imports.models import ImportRow, SpreadsheetImport
from licensing.entitlements.office_keys import find_entitlements
from licensing.pools.models import Allocation
from schools.wording import format_school_name

#: Titles of the list for the next year that an office downloads, edits and brings back.
RENEWAL_TITLES = ("UAI", "Nom de l'école", "Commune", "Nombre de licences", *RETURNED_TITLES)
#: Rows left out that a sentence names; the others are counted.
MAX_NAMED = 5
#: Letters of a name or of an unreadable number that a sentence shows.
_MAX_LENGTH = 60


class RequestedLicences(NamedTuple):
    """Licences that a list asks for: in all, beyond those that its schools hold, and beyond those that are free."""

    asked: int
    #: What its schools do not hold yet.
    lacking: int
    free: int
    #: Rows whose licences are not counted, in the order of the file: the school, and why in brackets.
    left_out: tuple[str, ...] = ()

    @property
    def to_buy(self) -> int:
        """Licences to order before all can be given."""
        return max(self.lacking - self.free, 0)

    @property
    def left_out_text(self) -> str:
        """The rows left out: « 3 lignes : Mas Neuf (sans nombre), Tamaris (mise de côté) et Brouzen (« 6 ou 7 ») »."""
        words = formatting.join_first(self.left_out, MAX_NAMED)
        return formatting.add_nonbreaking_spaces(f"{formatting.pluralize(len(self.left_out), 'ligne')} : {words}")


class ListToGive(NamedTuple):
    """An applied list of schools that asks for more licences than its schools hold."""

    import_id: int
    filename: str
    lacking: int


class NumberedList(NamedTuple):
    """A list of schools with a column of licences, read and not refused."""

    import_id: int
    filename: str
    created_at: datetime.datetime


class ListedNumbers(NamedTuple):
    """The licences of a list by UAI, and its rows that say none, as `RequestedLicences` has them."""

    filename: str
    units: dict[str, int]
    left_out: tuple[str, ...]


class PoolChoice(NamedTuple):
    """A pool that a list may take from."""

    pk: int
    name: str
    free: int


class _SchoolRow(NamedTuple):
    import_id: int
    filename: str
    uai: str
    #: The cell of the number of licences.
    cell: str | None
    label: str
    set_aside: bool
    #: Licences that the school holds.
    held: int | None


def get_requested_licences(spreadsheet_import: SpreadsheetImport, day: datetime.date) -> RequestedLicences | None:
    """Return what the column of licences of a list of schools asks for; None without one, or where it asks for none.

    Rows set aside, without a number, or of no school count for nothing, and are left out by name; a school's rows are
    counted once, by the first. Two queries; none without a column.
    """
    if spreadsheet_import.purpose != Purpose.PORTFOLIO or Meaning.UNITS not in spreadsheet_import.layout.columns:
        return None
    rows = list(_list_rows(SpreadsheetImport.objects.filter(pk=spreadsheet_import.pk), day))
    asked = _list_asking(rows)
    total = sum(asked.values())
    if not total:
        return None
    free = queries.list_open_pools(day).order_by().aggregate(free=Sum(F("capacity") - F("allocated"), default=0))
    left_out = tuple(f"{_name(row)} ({_explain(row)})" for row in rows if row.uai not in asked)
    return RequestedLicences(total, _sum_lacking(rows, asked), free["free"], left_out)


def find_list_to_give(day: datetime.date) -> ListToGive | None:
    """Return the latest applied list of schools with a column of licences, None where its schools hold them all.

    One query.
    """
    lists = SpreadsheetImport.objects.filter(
        purpose=Purpose.PORTFOLIO, state=ImportState.APPLIED, layout__columns__has_key=Meaning.UNITS.value
    )
    rows = list(_list_rows(lists.order_by("-applied_at", "-pk"), day))
    lacking = _sum_lacking(rows, _list_asking(rows))
    return ListToGive(rows[0].import_id, rows[0].filename, lacking) if lacking else None


def list_numbered_lists(limit: int) -> list[NumberedList]:
    """Return the latest lists of schools with a column of licences that were read, applied or not. One query."""
    lists = _filter_numbered().order_by("-created_at", "-pk").values_list("pk", "filename", "created_at")
    return list(map(NumberedList._make, lists[:limit]))


def read_numbers(import_id: int, day: datetime.date) -> ListedNumbers | None:
    """Return the licences of such a list, None where there is none with this number. Two queries at most."""
    found = _filter_numbered().filter(pk=import_id)
    rows = list(_list_rows(found, day))
    if not rows and not found.exists():
        return None
    asked = _list_asking(rows)
    left_out = tuple(f"{_name(row)} ({_explain(row)})" for row in rows if row.uai not in asked)
    return ListedNumbers(rows[0].filename if rows else "", asked, left_out)


def _filter_numbered() -> QuerySet[SpreadsheetImport]:
    return SpreadsheetImport.objects.filter(
        purpose=Purpose.PORTFOLIO,
        state__in=[ImportState.CHECKED, ImportState.APPLIED],
        layout__columns__has_key=Meaning.UNITS.value,
    )


def list_pool_choices(day: datetime.date) -> list[PoolChoice]:
    """Return the pools that a list may take from, the first to end first. Three queries."""
    return [PoolChoice(pool.pk, pool.name, pool.free) for pool in queries.list_open_pools(day)]


def _list_rows(imports: QuerySet[SpreadsheetImport], day: datetime.date) -> Iterable[_SchoolRow]:
    """Return the rows of the first of these imports that are rows of schools, in the order of the file."""
    running = find_entitlements(Q(last_day__gte=day, cancelled_at=None))
    held = (
        Allocation.objects.active()
        .filter(school_id=OuterRef("uai"), pool__entitlement__in=running)
        .order_by()
        .values("school_id")
        .annotate(total=Sum("units"))
        .values("total")
    )
    rows = ImportRow.objects.filter(import_id=Subquery(imports.values("pk")[:1]), ignored_reason="").values_list(
        "import_id",
        Subquery(imports.values("filename")[:1]),
        "uai",
        KT(f"cells__{Meaning.UNITS.value}"),
        "label",
        "set_aside",
        Subquery(held),
    )
    return map(_SchoolRow._make, rows.order_by("sheet", "number"))


def _list_asking(rows: Iterable[_SchoolRow]) -> dict[str, int]:
    """Return what each school asks for, by UAI: the number of its first row that has one."""
    asked: dict[str, int] = {}
    for row in rows:
        units = parse_quantity(row.cell or "")
        if row.uai and not row.set_aside and isinstance(units, int):
            asked.setdefault(row.uai, units)
    return asked


def _sum_lacking(rows: Iterable[_SchoolRow], asked: dict[str, int]) -> int:
    held = {row.uai: row.held or 0 for row in rows}
    return sum(max(units - held[uai], 0) for uai, units in asked.items())


def _name(row: _SchoolRow) -> str:
    return format_school_name(row.label[:_MAX_LENGTH]) or row.uai or "une école sans nom"


def _explain(row: _SchoolRow) -> str:
    """Return in French why the licences of a row are not counted."""
    if row.set_aside:
        return "mise de côté"
    if not (row.cell or "").strip():
        return "sans nombre"
    if not isinstance(parse_quantity(row.cell or ""), int):
        return f"« {(row.cell or '').strip()[:_MAX_LENGTH]} »"
    return "école non trouvée"
