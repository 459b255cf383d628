"""Read-only queries on imports, their rows, the remarks of these, and what was given to a school."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any, NamedTuple, TypedDict, Unpack

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

from imports.checks.problem_codes import OTHER_POOL_CODES
from imports.concerns import Concern, get_condition
from imports.enums import APPLICABLE, ConflictResolution, ImportState, RowEffect, Verdict
from imports.models import ImportRow, SpreadsheetImport
from imports.remark_queries import filter_remark, is_unapplicable_q, needs_decision_q
from licensing.entitlements.models import available_on
from licensing.entitlements.office_keys import list_entitlements
from licensing.pools.models import ALLOCATION_TOPIC, Allocation, Pool
from licensing.pools.queries import list_holdings, list_sibling_pools
from mailing.models import Message, MessageQuerySet
from schools.folding import fold

# Order-independent hash of a row's effect: summing 60,000 hashes costs a third of hashing one long text.
_HASH = Func(
    Func(
        "sheet", "number", "uai", "units", "units_before", "recipient", "verdict", "conflict_resolution", "classes",
        "contact_name", "phone", "before",
        function="ROW", output_field=TextField(),
    ),
    Value(0),
    function="hash_record_extended",
    output_field=DecimalField(max_digits=30, decimal_places=0),
)  # fmt: skip
#: Licences that a ticked row takes from the pool; negative if it returns some.
TAKEN = Case(
    When(conflict_resolution=ConflictResolution.REVOKE, then=Value(0)), default=F("units"), output_field=IntegerField()
) - F("units_before")
_TICKED = Q(ticked=True)


class BaseRowQuery(TypedDict, total=False):
    """Row filters; absent, empty or None means no filter."""

    verdict: str
    #: The code of a problem.
    code: str
    #: Words searched in school, UAI, address and number, ignoring accents and case.
    text: str
    #: Only rows of a corrected file that differ from the file it corrects.
    altered: bool
    #: Only rows that a manager looks at before confirming, by what they look at.
    concern: Concern | None
    #: Index of the sheet in the workbook.
    sheet: int | None
    #: Only rows that need a decision: an error, an open conflict, a question about other pools.
    to_resolve: bool
    #: Only rows with this remark, "" for none, in this state of `RemarkState`; both or neither.
    remark: str
    state: str


class RowQuery(BaseRowQuery, total=False):
    """The same, with a filter on ticked rows."""

    ticked: bool | None


@dataclass(frozen=True)
class Tally:
    """Totals of the ticked rows, compared with the free licences of the pool."""

    schools: int
    units: int
    free: int
    #: Sheet and number of the first ticked row that exceeds the pool.
    beyond: tuple[int, int] | None = None

    @property
    def missing(self) -> int:
        """Licences missing from the pool."""
        return max(self.units - self.free, 0)

    @property
    def left(self) -> int:
        """Licences left in the pool afterwards."""
        return max(self.free - self.units, 0)


def list_imports() -> QuerySet[SpreadsheetImport]:
    """Return all imports with their pools, the latest first."""
    return SpreadsheetImport.objects.select_related("pool").order_by("-created_at", "-pk")


def list_with_pools() -> QuerySet[SpreadsheetImport]:
    """Return the imports with the pools they take from and their entitlements, as their pages show. Two queries."""
    return SpreadsheetImport.objects.select_related("pool").prefetch_related("pool__entitlement")


def list_open_pools(day: datetime.date) -> QuerySet[Pool]:
    """Return the pools that are valid on this day and have free licences, the first to end first.

    One query before theirs.
    """
    available = list_entitlements().filter(available_on(day, "")).order_by("last_day", "pk")
    numbers = list(available.values_list("pk", flat=True))
    by_last_day = Case(
        *(When(entitlement=number, then=Value(place)) for place, number in enumerate(numbers)), default=0
    )
    pools = Pool.objects.filter(entitlement__in=numbers, allocated__lt=F("capacity"))
    return pools.prefetch_related("entitlement").order_by(by_last_day, "pk")


def count_verdicts(import_ids: list[int]) -> dict[int, dict[str, int]]:
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


def count_ticked(import_id: int) -> dict[str, int]:
    """Return the number of ticked rows of each verdict, for those that have any."""
    ticked = ImportRow.objects.filter(import_id=import_id, ticked=True).order_by()
    return dict(ticked.values_list("verdict").annotate(n=Count("pk")))


class ConfirmationSummary(NamedTuple):
    """Aggregates needed to confirm an import, from one query."""

    digest: str
    ticked: int
    units: int
    errors: int


def get_confirmation_summary(spreadsheet_import: SpreadsheetImport) -> ConfirmationSummary:
    """Return digest, number and licences of the ticked rows, and the number of rows in error."""
    found = ImportRow.objects.filter(import_id=spreadsheet_import.pk).aggregate(
        count=Count("pk", filter=_TICKED),
        hashed=Sum(_HASH, filter=_TICKED),
        taken=Sum(TAKEN, filter=_TICKED, default=0),
        in_error=Count("pk", filter=Q(verdict=Verdict.ERROR)),
    )
    return ConfirmationSummary(f"{found['count']}-{found['hashed']}", found["count"], found["taken"], found["in_error"])


def get_tally(spreadsheet_import: SpreadsheetImport) -> Tally:
    """Return the tally of the ticked rows."""
    taken = ImportRow.objects.filter(import_id=spreadsheet_import.pk, ticked=True).aggregate(
        schools=Count("pk"), units=Sum(TAKEN, default=0)
    )
    return build_tally(spreadsheet_import, taken["schools"], taken["units"])


def build_tally(spreadsheet_import: SpreadsheetImport, schools: int, units: int) -> Tally:
    """Return the tally for these totals and the pool of the import."""
    if spreadsheet_import.pool_id is None:
        return Tally(schools=schools, units=0, free=0)
    free = _free_units(spreadsheet_import)
    if units <= free:
        return Tally(schools, units, free)
    return Tally(schools, units, free, list_rows_beyond_pool(spreadsheet_import).values_list("sheet", "number").first())


def _free_units(spreadsheet_import: SpreadsheetImport) -> int:
    free: int = Pool.objects.values_list(F("capacity") - F("allocated"), flat=True).get(
        pk=spreadsheet_import.pool_id or 0
    )
    return free


def list_rows_beyond_pool(spreadsheet_import: SpreadsheetImport) -> QuerySet[ImportRow]:
    """Return the ticked rows that exceed the pool, in file order.

    Licences returned by resolved conflicts count first; then rows take theirs one after the other.
    """
    if spreadsheet_import.pool_id is None:
        return ImportRow.objects.none()
    running = Window(
        Sum(TAKEN),
        order_by=[Case(When(conflict_resolution="", then=1), default=0).asc(), F("sheet").asc(), F("number").asc()],
    )
    return (
        ImportRow.objects.filter(import_id=spreadsheet_import.pk, ticked=True)
        .annotate(running=running)
        .filter(running__gt=_free_units(spreadsheet_import))
        .order_by("sheet", "number")
    )


def count_effects(spreadsheet_import: SpreadsheetImport) -> dict[str, int]:
    """Return the number of ticked rows by `RowEffect`."""
    counts = dict.fromkeys(RowEffect.values, 0)
    ticked = ImportRow.objects.filter(import_id=spreadsheet_import.pk, ticked=True).order_by()
    return counts | dict(ticked.values_list("done").annotate(n=Count("pk")))


class SecondKeys(NamedTuple):
    """Schools that get a key besides one of another pool of the year, its licences, and those that they hold."""

    schools: int
    units: int
    held: int


def count_second_keys(spreadsheet_import: SpreadsheetImport) -> SecondKeys:
    """Return how many second keys the ticked rows give. Three queries at most."""
    rows = ImportRow.objects.filter(
        import_id=spreadsheet_import.pk, done=RowEffect.CREATED, codes__overlap=list(OTHER_POOL_CODES)
    )
    units = dict(rows.order_by().values_list("uai", "units"))
    if not units or spreadsheet_import.pool is None:
        return SecondKeys(0, 0, 0)
    held = list_holdings(list_sibling_pools(spreadsheet_import.pool), units)
    return SecondKeys(
        len(units),
        sum(number or 0 for number in units.values()),
        sum(holding.units for holdings in held.values() for holding in holdings),
    )


def count_unapplicable(spreadsheet_import: SpreadsheetImport) -> int:
    """Return the number of rows that cannot be applied: errors and open conflicts."""
    return ImportRow.objects.filter(import_id=spreadsheet_import.pk).filter(is_unapplicable_q()).count()


def count_to_resolve(spreadsheet_import: SpreadsheetImport) -> int:
    """Return the number of rows that need a decision: those that cannot be applied, and open questions about pools."""
    return ImportRow.objects.filter(import_id=spreadsheet_import.pk).filter(needs_decision_q()).count()


class DecisionCounts(NamedTuple):
    """What members decided about the rows of an import, in rows."""

    corrected: int
    set_aside: int
    conflicts: int


def count_decisions(spreadsheet_import: SpreadsheetImport) -> DecisionCounts:
    """Return the number of rows that were corrected, set aside, or whose conflict was resolved."""
    found = ImportRow.objects.filter(import_id=spreadsheet_import.pk).aggregate(
        corrected=Count("pk", filter=~Q(edits={})),
        set_aside=Count("pk", filter=Q(set_aside=True)),
        conflicts=Count("pk", filter=~Q(conflict_resolution="")),
    )
    return DecisionCounts(**found)


def compute_digest(spreadsheet_import: SpreadsheetImport) -> str:
    """Return the digest of the effects of the ticked rows, which a manager confirms."""
    found = ImportRow.objects.filter(_TICKED, import_id=spreadsheet_import.pk).aggregate(
        count=Count("pk"), hashed=Sum(_HASH)
    )
    return f"{found['count']}-{found['hashed']}"


def select_digests(import_ids: list[int]) -> QuerySet[ImportRow, Any]:
    """Select by import the number of its ticked rows, `ticked_count`, and `hashed`, which make its digest."""
    rows = ImportRow.objects.filter(import_id__in=import_ids).values("import_id").order_by()
    return rows.annotate(ticked_count=Count("pk", filter=_TICKED), hashed=Sum(_HASH, filter=_TICKED))


def filter_rows(spreadsheet_import: SpreadsheetImport, **filters: Unpack[RowQuery]) -> QuerySet[ImportRow]:
    """Return the rows of an import that match the filters, in file order."""
    found = ImportRow.objects.filter(import_id=spreadsheet_import.pk).order_by("sheet", "number")
    verdict, code, ticked, sheet = (
        filters.get("verdict"),
        filters.get("code"),
        filters.get("ticked"),
        filters.get("sheet"),
    )
    if verdict:
        # An invalid verdict or code matches no row: a bulk action must not fall back to all rows.
        found = found.filter(verdict=verdict.replace("\0", ""))
    if code:
        found = found.filter(codes__contains=[code.replace("\0", "")])
    if ticked is not None:
        found = found.filter(ticked=ticked)
    if sheet is not None:
        found = found.filter(sheet=sheet)
    if filters.get("altered"):
        found = found.filter(altered=True)
    if filters.get("to_resolve"):
        found = found.filter(needs_decision_q())
    if concern := filters.get("concern"):
        found = found.filter(get_condition(concern))
    if state := filters.get("state"):
        found = filter_remark(found, filters.get("remark", ""), state)
    return _containing_words(found, filters.get("text", ""))


def _containing_words(found: QuerySet[ImportRow], text: str) -> QuerySet[ImportRow]:
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


def list_likely_matches(
    spreadsheet_import: SpreadsheetImport, min_score: float, min_lead: float, **filters: Unpack[RowQuery]
) -> QuerySet[ImportRow]:
    """Return unmatched rows whose first proposal scores `min_score` or more, and leads the second by `min_lead`."""
    return (
        filter_rows(spreadsheet_import, **filters)
        .filter(verdict=Verdict.ERROR, match_method="", uai="")
        .annotate(
            first=Cast(KT("proposals__0__score"), FloatField()),
            second=Coalesce(Cast(KT("proposals__1__score"), FloatField()), 0.0),
        )
        .filter(first__gte=min_score, second__lte=F("first") - min_lead)
    )


def is_tickable_q() -> Q:
    """Return the condition under which a row may be ticked."""
    return Q(verdict__in=APPLICABLE) | (Q(verdict=Verdict.CONFLICT) & ~Q(conflict_resolution=""))


def find_same_file(spreadsheet_import: SpreadsheetImport) -> SpreadsheetImport | None:
    """Return the latest other import of the same file, for the same purpose, neither rejected nor cancelled.

    A list that brought in the schools and now says what to give them repeats nothing.
    """
    return (
        SpreadsheetImport.objects.active()
        .filter(sha256=spreadsheet_import.sha256, purpose=spreadsheet_import.purpose)
        .exclude(pk=spreadsheet_import.pk)
        .order_by("-created_at")
        .first()
    )


def find_successor(spreadsheet_import: SpreadsheetImport) -> SpreadsheetImport | None:
    """Return the latest corrected file that was read in place of an import."""
    corrections = SpreadsheetImport.objects.filter(corrects_id=spreadsheet_import.pk)
    return corrections.exclude(state__in=[ImportState.UPLOADED, ImportState.REJECTED]).order_by("pk").last()


def list_emails(spreadsheet_import: SpreadsheetImport) -> MessageQuerySet:
    """Return the e-mails about the allocations of an applied import, from its application on."""
    if spreadsheet_import.applied_at is None:
        return Message.objects.none()
    uais = ImportRow.objects.filter(import_id=spreadsheet_import.pk, ticked=True).values("uai")
    allocations = Allocation.objects.filter(pool=spreadsheet_import.pool_id, school__in=uais)
    return Message.objects.filter(
        topic=ALLOCATION_TOPIC, topic_id__in=allocations.values("pk"), created_at__gte=spreadsheet_import.applied_at
    )
