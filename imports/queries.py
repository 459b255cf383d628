"""What the pages and the command ask of imports, without changing them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypedDict, Unpack

from django.db.models import (
    Case,
    Count,
    DecimalField,
    F,
    FloatField,
    Func,
    IntegerField,
    Q,
    QuerySet,
    Sum,
    TextField,
    Value,
    When,
    Window,
)
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce

from imports.enums import APPLICABLE, Done, Settlement, Verdict
from imports.models import Import, ImportRow
from imports.verdicts.codes import UNTICKING
from licensing.pools.models import Pool
from licensing.subscriptions.models import usable_on
from schools.folding import fold

if TYPE_CHECKING:
    import datetime

# What is done with a row, in whatever order: the sum of sixty thousand hashes costs a third of one long text.
_HASH = Func(
    Func(
        "sheet", "number", "uai", "units", "units_before", "recipient", "verdict", "settlement", "classes",
        "contact_name", "phone", "before",
        function="ROW", output_field=TextField(),
    ),
    Value(0),
    function="hash_record_extended",
    output_field=DecimalField(max_digits=30, decimal_places=0),
)  # fmt: skip
#: Licences that a ticked row takes from the lot; negative where it gives some back.
_TAKEN = Case(When(settlement=Settlement.REVOKE, then=Value(0)), default=F("units"), output_field=IntegerField()) - F(
    "units_before"
)
_TICKED = Q(ticked=True)


class Narrowing(TypedDict, total=False):
    """What a list of rows may be narrowed to; what is absent, empty or None narrows nothing."""

    verdict: str
    #: The code of a problem.
    code: str
    #: Words, sought in school, UAI, address and number, accent- and case-blind.
    text: str
    #: Of a corrected file: only the rows that differ from what they were.
    altered: bool
    #: Index among the workbook's sheets.
    sheet: int | None
    #: Only the rows with something that waits for a member: an error, a conflict, a doubt.
    to_settle: bool


class RowFilters(Narrowing, total=False):
    """The same, and whether the rows are ticked."""

    ticked: bool | None


@dataclass(frozen=True)
class Tally:
    """What would be done if the ticked rows were applied, beside what the lot has."""

    schools: int
    units: int
    free: int
    #: The first ticked row that the lot is too small for, by its sheet and number, and how many there are of them.
    beyond: tuple[int, int] | None = None
    rows_beyond: int = 0

    @property
    def missing(self) -> int:
        """Licences that the lot lacks."""
        return max(self.units - self.free, 0)

    @property
    def left(self) -> int:
        """Licences that would remain."""
        return max(self.free - self.units, 0)


def imports_list() -> QuerySet[Import]:
    """Return all imports, the latest first, each with its counts of rows."""
    return Import.objects.select_related("pool").order_by("-created_at", "-pk")


def open_pools(day: datetime.date) -> QuerySet[Pool]:
    """Return the lots that licences can still be given from."""
    return (
        Pool.objects.filter(usable_on(day), allocated__lt=F("capacity"))
        .select_related("source")
        .order_by("source__last_day", "pk")
    )


def counts_of(import_ids: list[int]) -> dict[int, dict[str, int]]:
    """Return the number of rows of each verdict, by import."""
    found: dict[int, dict[str, int]] = {pk: {} for pk in import_ids}
    for row in (
        ImportRow.objects.filter(import_id__in=import_ids)
        .values("import_id", "verdict")
        .annotate(n=Count("pk"))
        .order_by()
    ):
        found[row["import_id"]][row["verdict"]] = row["n"]
    return found


def codes_of(table: Import) -> dict[str, int]:
    """Return how many rows carry each code, the most frequent first."""
    codes = (
        ImportRow.objects.filter(import_id=table.pk)
        .values(code=Func(F("codes"), function="unnest", output_field=TextField()))
        .annotate(n=Count("pk"))
        .order_by("-n", "code")
    )
    return {line["code"]: line["n"] for line in codes}


class Confirmable(NamedTuple):
    """What is asked before an import is confirmed, by one look at its rows."""

    digest: str
    ticked: int
    units: int
    errors: int


def confirmable(table: Import) -> Confirmable:
    """Return the digest of the ticked rows, their number and licences, and how many rows are in error."""
    found = ImportRow.objects.filter(import_id=table.pk).aggregate(
        count=Count("pk", filter=_TICKED),
        hashed=Sum(_HASH, filter=_TICKED),
        taken=Sum(_TAKEN, filter=_TICKED, default=0),
        in_error=Count("pk", filter=Q(verdict=Verdict.ERROR)),
    )
    return Confirmable(f"{found['count']}-{found['hashed']}", found["count"], found["taken"], found["in_error"])


def tally(table: Import) -> Tally:
    """Return what the ticked rows come to."""
    taken = ImportRow.objects.filter(import_id=table.pk, ticked=True).aggregate(
        schools=Count("pk"), units=Sum(_TAKEN, default=0)
    )
    return tally_of(table, taken["schools"], taken["units"])


def tally_of(table: Import, schools: int, units: int) -> Tally:
    """Return what so many ticked rows and licences come to beside what the lot has."""
    if table.pool_id is None:
        return Tally(schools=schools, units=0, free=0)
    free = _free(table)
    if units <= free:
        return Tally(schools, units, free)
    places = list(rows_beyond(table).values_list("sheet", "number"))
    return Tally(schools, units, free, places[0], len(places))


def _free(table: Import) -> int:
    free: int = Pool.objects.values_list(F("capacity") - F("allocated"), flat=True).get(pk=table.pool_id or 0)
    return free


def rows_beyond(table: Import) -> QuerySet[ImportRow]:
    """Return the ticked rows that the lot is too small for, in the order of the file.

    What settled conflicts give back counts first; then the rows take their licences one after the other.
    """
    if table.pool_id is None:
        return ImportRow.objects.none()
    running = Window(
        Sum(_TAKEN), order_by=[Case(When(settlement="", then=1), default=0).asc(), F("sheet").asc(), F("number").asc()]
    )
    return (
        ImportRow.objects.filter(import_id=table.pk, ticked=True)
        .annotate(running=running)
        .filter(running__gt=_free(table))
        .order_by("sheet", "number")
    )


def planned(table: Import) -> dict[str, int]:
    """Return how many of the ticked rows would do each thing, by `Done`."""
    counts = dict.fromkeys(Done.values, 0)
    ticked = ImportRow.objects.filter(import_id=table.pk, ticked=True).order_by()
    return counts | dict(ticked.values_list("done").annotate(n=Count("pk")))


def left_out(table: Import) -> int:
    """Return how many rows would be left as they are if only the valid ones were applied: errors, open conflicts."""
    return (
        ImportRow.objects.filter(import_id=table.pk)
        .filter(Q(verdict=Verdict.ERROR) | Q(verdict=Verdict.CONFLICT, settlement=""))
        .count()
    )


def digest(table: Import) -> str:
    """Return the digest of what would be done if the ticked rows were applied now: what a manager confirms."""
    found = ImportRow.objects.filter(_TICKED, import_id=table.pk).aggregate(count=Count("pk"), hashed=Sum(_HASH))
    return f"{found['count']}-{found['hashed']}"


def rows(table: Import, **filters: Unpack[RowFilters]) -> QuerySet[ImportRow]:
    """Return the rows in the order of the file."""
    found = ImportRow.objects.filter(import_id=table.pk).order_by("sheet", "number")
    verdict, code, ticked, sheet = (
        filters.get("verdict"),
        filters.get("code"),
        filters.get("ticked"),
        filters.get("sheet"),
    )
    if verdict:
        # What is no verdict, or no code, finds nothing: an action on « all these rows » must not fall on all rows.
        found = found.filter(verdict=verdict.replace("\0", ""))
    if code:
        found = found.filter(codes__contains=[code.replace("\0", "")])
    if ticked is not None:
        found = found.filter(ticked=ticked)
    if sheet is not None:
        found = found.filter(sheet=sheet)
    if filters.get("altered"):
        found = found.filter(altered=True)
    if filters.get("to_settle"):
        found = found.filter(
            Q(verdict=Verdict.ERROR)
            | Q(verdict=Verdict.CONFLICT, settlement="")
            | Q(codes__overlap=sorted(UNTICKING), ticked=False, verdict__in=APPLICABLE)
        )
    return _holding(found, filters.get("text", ""))


def _holding(found: QuerySet[ImportRow], text: str) -> QuerySet[ImportRow]:
    words = fold(text).split()
    if not words:
        return found
    parts = [F("label"), F("uai"), F("recipient"), Cast("number", TextField())]
    spaced = [part for field in parts for part in (field, Value(" "))]
    haystack = Func(Func(*spaced, function="concat"), function="public.fold", output_field=TextField())
    found = found.annotate(haystack=haystack)
    for word in words:
        found = found.filter(haystack__contains=word)
    return found


def likely(table: Import, least: float, ahead: float, **filters: Unpack[RowFilters]) -> QuerySet[ImportRow]:
    """Return the rows without a school whose first proposal has this score at least and is so far ahead of the next."""
    return (
        rows(table, **filters)
        .filter(verdict=Verdict.ERROR, how="", uai="")
        .annotate(
            first=Cast(KT("proposals__0__score"), FloatField()),
            second=Coalesce(Cast(KT("proposals__1__score"), FloatField()), 0.0),
        )
        .filter(first__gte=least, second__lte=F("first") - ahead)
    )


def tickable() -> Q:
    """Return the condition under which a row may be ticked."""
    return Q(verdict__in=APPLICABLE) | (Q(verdict=Verdict.CONFLICT) & ~Q(settlement=""))


def same_file(table: Import) -> Import | None:
    """Return the latest other import of the very same file, unless it was refused or cancelled."""
    return Import.objects.standing().filter(sha256=table.sha256).exclude(pk=table.pk).order_by("-created_at").first()
