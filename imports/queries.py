"""Read-only queries on imports, their rows, the remarks of these, and what was given to a school."""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypedDict, Unpack

from django.db.models import (
    Case,
    CharField,
    Count,
    DecimalField,
    F,
    Func,
    IntegerField,
    Min,
    Q,
    QuerySet,
    Sum,
    TextField,
    Value,
    When,
    Window,
)
from django.db.models.functions import Cast

from collectivities.models import AuditEntry
from imports.checks.problem_codes import FIXES, OTHER_POOL, OTHER_POOL_CODES
from imports.concerns import Concern, get_condition
from imports.enums import (
    APPLICABLE,
    APPLIED_ACTION,
    ConflictResolution,
    ImportState,
    Purpose,
    RemarkState,
    RowEffect,
    Verdict,
)
from imports.models import ImportRow, SpreadsheetImport
from imports.parsing.declined_rows import DECLINED
from licensing.entitlements.models import available_on
from licensing.entitlements.office_keys import list_entitlements
from licensing.pools.models import ALLOCATION_TOPIC, Allocation, Pool
from licensing.pools.queries import list_holdings, list_sibling_pools
from licensing.pools.wording import describe_allocation, describe_growth
from mailing.models import Message, MessageQuerySet
from schools.folding import fold
from schools.models import School

# Reductions, revocations and portfolio changes have their own audit entries.
_REPORTED_EFFECTS = (RowEffect.CREATED, RowEffect.GROWN)


class ImportGrant(NamedTuple):
    """Licences that one import allocated to a school."""

    at: datetime.datetime
    who: str
    words: str


def list_grants(uai: str, name: str) -> list[ImportGrant]:
    """Return what imports allocated to this school, by a constant number of queries."""
    imports = _list_pool_names()
    if not imports:
        return []
    rows = _list_grant_rows(uai, list(imports)).values_list("import_id", "done", "units", "units_before", "recipient")
    rows_by_import = {row[0]: row for row in rows}
    gifts = []
    for entry in AuditEntry.objects.filter(action=APPLIED_ACTION, object_type="import", object_id__in=rows_by_import):
        number, done, units, before, recipient = rows_by_import[entry.object_id or 0]
        lot, units = imports[number], units or 0
        words = (
            describe_allocation(units, name, lot, recipient)
            if done == RowEffect.CREATED
            else describe_growth(units - before, units, name, lot, recipient)
        )
        gifts.append(ImportGrant(entry.at, entry.actor, words))
    return gifts


def filter_entries_by_school(uai: str) -> Q:
    """Return the condition on audit entries of imports that allocated licences to this school."""
    found = _list_grant_rows(uai, list(_list_pool_names())).values_list("import_id", flat=True)
    return Q(action=APPLIED_ACTION, object_type="import", object_id__in=list(found))


def _list_pool_names() -> dict[int, str]:
    """Return the pool name of each applied allocation import, by import id."""
    applied = SpreadsheetImport.objects.filter(purpose=Purpose.ALLOCATION, applied_at__isnull=False)
    return dict(applied.values_list("pk", "pool__name"))


def _list_grant_rows(uai: str, imports: list[int]) -> QuerySet[ImportRow]:
    # By ids and not by a subquery: the index of ticked rows begins with the import.
    return ImportRow.objects.filter(import_id__in=imports, uai=uai, ticked=True, done__in=_REPORTED_EFFECTS)


#: Codes that say how a row was read, and ask for nothing.
_PLAIN_CODES = frozenset({"repaired", "matched_by_name", "rows_combined", "changes"})
#: Codes by which rows are gathered: the weightiest of a row's codes is its remark.
REMARK_CODES = tuple(code for code in FIXES if code not in _PLAIN_CODES)


#: Codes of rows whose address cannot be used as it is.
ADDRESS_CODES = ("multiple_emails", "email_invalid")


class RemarkCount(NamedTuple):
    """Number of the rows with one remark, "" for none, in one state."""

    code: str
    state: RemarkState
    rows: int
    #: How the sentence begins that says for which of several reasons the rows are set apart, "" where there is one.
    reason: str = ""
    #: One of their sentences, which names the reason.
    sentence: str = ""
    #: Number of the rows whose school has an official address, where the remark is about the address of the row.
    with_mailbox: int = 0


def is_unapplicable_q() -> Q:
    """Return the condition on rows that cannot be applied: an error, or an open conflict."""
    return Q(verdict=Verdict.ERROR) | Q(verdict=Verdict.CONFLICT, conflict_resolution="")


def needs_decision_q() -> Q:
    """Return the condition on rows that need a decision: they cannot be applied, or wait for an answer about pools."""
    return is_unapplicable_q() | Q(codes__contains=[OTHER_POOL], verdict__in=APPLICABLE, ticked=False)


_REMARK = Case(
    When(codes=[], then=Value("")),
    # Whatever else is noted, a row that can be applied waits for this answer first.
    When(codes__contains=[OTHER_POOL], verdict__in=APPLICABLE, then=Value(OTHER_POOL)),
    *(When(codes__contains=[code], then=Value(code)) for code in REMARK_CODES),
    default=Value(""),
    output_field=CharField(),
)
_STATE = Case(
    When(needs_decision_q(), then=Value(RemarkState.TO_RESOLVE.value)),
    When(verdict=Verdict.IGNORED, then=Value(RemarkState.IGNORED.value)),
    When(verdict=Verdict.UNCHANGED, then=Value(RemarkState.UNCHANGED.value)),
    When(ticked=True, then=Value(RemarkState.TICKED.value)),
    default=Value(RemarkState.UNTICKED.value),
    output_field=CharField(),
)


# The sentence by which the file, or an answer, sets a row apart, and its beginning up to what differs by row.
_SENTENCE = Func(
    F("notes"),
    function="",
    template="COALESCE(jsonb_path_query_first(%(expressions)s, "
    """'$[*] ? (@.code == "declined").message') #>> '{}', '')""",
    output_field=TextField(),
)
_REASON = Case(
    When(
        # Annotated before: of another remark, the reason is none.
        remark=DECLINED,
        then=Func(
            _SENTENCE,
            Value("( dit «| est vide| dans le fichier).*$"),
            Value(""),
            function="regexp_replace",
            output_field=TextField(),
        ),
    ),
    default=Value(""),
    output_field=TextField(),
)


def filter_remark(rows: QuerySet[ImportRow], code: str, state: str, reason: str = "") -> QuerySet[ImportRow]:
    """Return the rows with this remark, "" for none, in this state; of one `reason`, or of all."""
    found = rows.annotate(remark=_REMARK, remark_state=_STATE, reason=_REASON).filter(remark=code, remark_state=state)
    return found.filter(reason=reason) if reason else found


def count_remarks(spreadsheet_import: SpreadsheetImport) -> list[RemarkCount]:
    """Return the number of rows by remark and state, in the order of `count_remarks_of`."""
    return count_remarks_of(ImportRow.objects.filter(import_id=spreadsheet_import.pk))


def count_remarks_of(rows: QuerySet[ImportRow]) -> list[RemarkCount]:
    """Return the number of these rows by remark and state.

    What needs a decision comes first, questions before errors; then the most frequent.
    """
    found = (
        rows.annotate(remark=_REMARK, remark_state=_STATE, reason=_REASON)
        .values_list("remark", "remark_state", "reason")
        .annotate(n=Count("pk"), sentence=Min(_SENTENCE))
        .order_by()
    )
    order = list(RemarkState)
    counts = [
        RemarkCount(
            code,
            RemarkState(state),
            count,
            reason,
            sentence if reason else "",
            _count_mailboxes(rows, code, state) if code in ADDRESS_CODES else 0,
        )
        for code, state, reason, count, sentence in found
    ]
    return sorted(
        counts, key=lambda one: (order.index(one.state), one.code != OTHER_POOL, -one.rows, one.code, one.reason)
    )


def count_unanswered(counts: Iterable[RemarkCount]) -> int:
    """Return how many of the rows wait for an answer about licences of other pools: they get nothing without it."""
    return sum(one.rows for one in counts if one.code == OTHER_POOL and one.state is RemarkState.TO_RESOLVE)


def _count_mailboxes(rows: QuerySet[ImportRow], code: str, state: str) -> int:
    return filter_remark(rows, code, state).filter(uai__in=School.objects.exclude(email="").values("pk")).count()


def exclude_remarks(rows: QuerySet[ImportRow], remarks: Iterable[RemarkCount]) -> QuerySet[ImportRow]:
    """Return the rows without any of these remarks."""
    gathered = Q()
    for one in remarks:
        gathered |= Q(remark=one.code, remark_state=one.state, reason=one.reason)
    return rows.annotate(remark=_REMARK, remark_state=_STATE, reason=_REASON).exclude(gathered) if gathered else rows


def count_unticked(import_ids: list[int]) -> dict[int, int]:
    """Return the number of rows that could be applied and are not ticked, by import."""
    found = (
        ImportRow.objects.filter(import_id__in=import_ids, verdict__in=APPLICABLE, ticked=False)
        .values_list("import_id")
        .annotate(n=Count("pk"))
        .order_by()
    )
    return dict.fromkeys(import_ids, 0) | dict(found)


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
    #: Of these rows, only those of one reason, as `RemarkCount` names it.
    reason: str


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
    if verdict := filters.get("verdict"):
        # An invalid verdict or code matches no row: a bulk action must not fall back to all rows.
        found = found.filter(verdict=verdict.replace("\0", ""))
    if code := filters.get("code"):
        found = found.filter(codes__contains=[code.replace("\0", "")])
    if (ticked := filters.get("ticked")) is not None:
        found = found.filter(ticked=ticked)
    if (sheet := filters.get("sheet")) is not None:
        found = found.filter(sheet=sheet)
    if filters.get("altered"):
        found = found.filter(altered=True)
    if filters.get("to_resolve"):
        found = found.filter(needs_decision_q())
    if concern := filters.get("concern"):
        found = found.filter(get_condition(concern))
    if state := filters.get("state"):
        found = filter_remark(found, filters.get("remark", ""), state, filters.get("reason", "").replace("\0", ""))
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
