"""Remarks of rows: each row has at most one, by which the pages gather rows and count them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from django.db.models import Case, CharField, Count, Q, QuerySet, Value, When
from django.db.models.fields.json import KT

from imports.checks.problem_codes import FIXES, OTHER_POOL
from imports.enums import APPLICABLE, RemarkState, Verdict
from imports.models import ImportRow, SpreadsheetImport
from imports.parsing.declined_rows import DECLINED
from schools.models import School

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
    #: Number of rows by sentence, where the sentence names one of several reasons.
    sentences: tuple[tuple[str, int], ...] = ()
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


def filter_remark(rows: QuerySet[ImportRow], code: str, state: str) -> QuerySet[ImportRow]:
    """Return the rows with this remark, "" for none, in this state."""
    return rows.annotate(remark=_REMARK, remark_state=_STATE).filter(remark=code, remark_state=state)


def count_remarks(spreadsheet_import: SpreadsheetImport) -> list[RemarkCount]:
    """Return the number of rows by remark and state, in the order of `count_remarks_of`."""
    return count_remarks_of(ImportRow.objects.filter(import_id=spreadsheet_import.pk))


def count_remarks_of(rows: QuerySet[ImportRow]) -> list[RemarkCount]:
    """Return the number of these rows by remark and state.

    What needs a decision comes first, questions before errors; then the most frequent.
    """
    found = (
        rows.annotate(remark=_REMARK, remark_state=_STATE)
        .values_list("remark", "remark_state")
        .annotate(n=Count("pk"))
        .order_by()
    )
    order = list(RemarkState)
    counts = [
        RemarkCount(
            code,
            RemarkState(state),
            count,
            _count_reasons(rows, code, state) if code == DECLINED else (),
            _count_mailboxes(rows, code, state) if code in ADDRESS_CODES else 0,
        )
        for code, state, count in found
    ]
    return sorted(counts, key=lambda one: (order.index(one.state), one.code != OTHER_POOL, -one.rows, one.code))


def count_unanswered(counts: Iterable[RemarkCount]) -> int:
    """Return how many of the rows wait for an answer about licences of other pools: they get nothing without it."""
    return sum(one.rows for one in counts if one.code == OTHER_POOL and one.state is RemarkState.TO_RESOLVE)


def _count_reasons(rows: QuerySet[ImportRow], code: str, state: str) -> tuple[tuple[str, int], ...]:
    """Return the number of rows by the reason for which the file sets them apart, the most frequent first."""
    messages = filter_remark(rows, code, state).values_list(KT("notes__0__message")).annotate(n=Count("pk"))
    return tuple(messages.order_by("-n", "notes__0__message"))


def _count_mailboxes(rows: QuerySet[ImportRow], code: str, state: str) -> int:
    return filter_remark(rows, code, state).filter(uai__in=School.objects.exclude(email="").values("pk")).count()


def exclude_remarks(rows: QuerySet[ImportRow], remarks: Iterable[RemarkCount]) -> QuerySet[ImportRow]:
    """Return the rows without any of these remarks."""
    gathered = Q()
    for one in remarks:
        gathered |= Q(remark=one.code, remark_state=one.state)
    return rows.annotate(remark=_REMARK, remark_state=_STATE).exclude(gathered) if gathered else rows


def count_unticked(import_ids: list[int]) -> dict[int, int]:
    """Return the number of rows that could be applied and are not ticked, by import."""
    found = (
        ImportRow.objects.filter(import_id__in=import_ids, verdict__in=APPLICABLE, ticked=False)
        .values_list("import_id")
        .annotate(n=Count("pk"))
        .order_by()
    )
    return dict.fromkeys(import_ids, 0) | dict(found)
