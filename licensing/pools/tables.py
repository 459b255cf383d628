"""The list of allocations as a table and as a workbook, with its coloured badges."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import django_tables2 as tables
from django.db.models import Count, QuerySet, Sum
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django_tables2.data import TableQuerysetData

from core.calendar import date_in_paris
from core.spreadsheets import WorksheetContent
from core.spreadsheets import build_workbook as write_workbook
from licensing.pools.models import Allocation
from licensing.pools.queries import NOT_REDEEMED, AnnotatedAllocation, Situation
from mailing.models import MessageState
from schools.wording import format_school_name
from web.figure_column import FigureColumn

_COLUMN_TITLES = (
    "UAI", "Établissement", "Commune", "Lot", "Licences", "État", "Utilisées", "Adresse e-mail",
    "Dernier e-mail", "Attribuée le", "Activée le",
)  # fmt: skip
_COLUMN_WIDTHS = (11, 44, 24, 30, 10, 22, 14, 38, 16, 14, 14)
_CHUNK_SIZE = 2000


def build_workbook(allocations: QuerySet[AnnotatedAllocation]) -> bytes:
    """Return the allocations as an xlsx file, in the order of the queryset, written row by row."""
    rows = (_row(allocation) for allocation in allocations.iterator(chunk_size=_CHUNK_SIZE))
    return write_workbook(WorksheetContent("Attributions", _COLUMN_TITLES, _COLUMN_WIDTHS, rows))


def _row(allocation: AnnotatedAllocation) -> Sequence[Any]:
    redeemed_at = allocation.redeemed_at
    message = allocation.message_state
    return (
        allocation.school_id,
        format_school_name(allocation.school.name),
        allocation.school.commune,
        allocation.pool.name,
        allocation.units,
        str(Situation(allocation.situation).label),
        allocation.held if redeemed_at else None,
        allocation.recipient,
        str(MessageState(message).label) if message else "",
        date_in_paris(allocation.created_at),
        date_in_paris(redeemed_at) if redeemed_at else None,
    )


#: Of a situation's badge; « secondary » otherwise.
_COLOURS = {
    Situation.SENT: "blue",
    Situation.DELIVERED: "blue",
    Situation.UNDELIVERED: "red",
    Situation.REDEEMED: "green",
    Situation.SUSPENDED: "orange",
}


def render_situation_badge(value: str) -> SafeString:
    """Render a situation as a coloured badge, and beside it that the key is not redeemed: for a page of its own."""
    if value in NOT_REDEEMED:
        return format_html('{} <span class="text-secondary">non activée</span>', render_badge(value))
    return render_badge(value)


def render_badge(value: str) -> SafeString:
    """Render a situation as a coloured badge."""
    situation = Situation(value)
    return format_html('<span class="badge bg-{}-lt">{}</span>', _COLOURS.get(situation, "secondary"), situation.label)


class AllocationRows(TableQuerysetData):
    """The allocations of a table: a page is found first, then annotated, lest all are."""

    def __init__(
        self, allocations: QuerySet[Any], annotate: Callable[[QuerySet[Any]], QuerySet[Any]], *, at_once: bool
    ) -> None:
        """Build the rows. `annotate`: returns a few allocations with what the rows show.

        `at_once`: their numbers are read in one query, as where the filter takes longer than reading all it finds:
        otherwise it is asked twice, for their count and for the page.
        """
        super().__init__(allocations)
        self._annotate = annotate
        self._at_once = at_once
        #: Number and licences of each row; and how many rows and licences there are.
        self._rows: list[tuple[int, int]] | None = None
        self._counts: tuple[int, int] | None = None

    def order_by(self, aliases: Any) -> None:
        super().order_by(aliases)
        self._rows = None

    def __len__(self) -> int:
        return self._count()[0]

    @property
    def units(self) -> int:
        """Licences of all rows."""
        return self._count()[1]

    def __getitem__(self, key: Any) -> list[Any]:
        if self._at_once:
            numbers = [number for number, _ in self._read_all()[key]]
        else:
            numbers = list(self.data.values_list("pk", flat=True)[key])
        found = self._annotate(Allocation.objects.filter(pk__in=numbers)).in_bulk()
        return [found[number] for number in numbers if number in found]

    def _count(self) -> tuple[int, int]:
        if self._counts is None:
            if self._at_once:
                rows = self._read_all()
                self._counts = len(rows), sum(units for _, units in rows)
            else:
                counted = self.data.aggregate(rows=Count("pk"), licences=Sum("units", default=0))
                self._counts = counted["rows"], counted["licences"]
        return self._counts

    def _read_all(self) -> list[tuple[int, int]]:
        if self._rows is None:
            self._rows = list(self.data.values_list("pk", "units"))
        return self._rows


class AllocationTable(tables.Table):
    """A row per allocation, on one line, which its template draws. Only managers get the checkboxes of `pick`."""

    pick = tables.Column(verbose_name="Cocher", empty_values=(), orderable=False)
    school = tables.Column(verbose_name="Établissement", order_by=("school__name_folded", "pk"))
    commune = tables.Column(
        verbose_name="Commune", accessor="school__commune", order_by=("school__commune_folded", "pk")
    )
    pool = tables.Column(verbose_name="Lot", accessor="pool__name", order_by=("pool__name", "pk"))
    # Its codes have no order that would tell anything: the filter does.
    situation = tables.Column(verbose_name="État", orderable=False)
    units = FigureColumn(verbose_name="Licences", order_by=("units", "pk"))
    held = FigureColumn(verbose_name="Utilisées", order_by=("held", "pk"))
    created_at = tables.Column(
        verbose_name="Depuis le", order_by=("created_at", "pk"), attrs={"th": {"class": "number"}}
    )

    class Meta:
        model = Allocation
        fields: ClassVar[list[str]] = []
        sequence: ClassVar = [
            "pick", "school", "commune", "pool", "situation", "units", "held", "created_at",
        ]  # fmt: skip
        order_by = ("-created_at",)
        empty_text = "Aucune attribution ne répond à ces choix. Élargissez-les, ou attribuez des licences à une école."
        attrs: ClassVar = {"class": "table table-vcenter stacking one-line"}
        template_name = "pools/_allocations_table.html"

    caption = "Attributions"

    def __init__(self, *args: Any, ticked: bool = False, **kwargs: Any) -> None:
        """Build the table. `ticked`: whether its rows are ticked as it opens."""
        super().__init__(*args, **kwargs)
        self.ticked = ticked
        names = self.columns.names()
        self.has_ticks, self.has_pools = "pick" in names, "pool" in names
