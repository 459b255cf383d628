"""What an officer does to many rows by one click: each a correction of each row, and judged again in one go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from django.db import transaction
from django.db.models import Q

from collectivities.operations import add_to_remit as add_schools
from imports import queries
from imports.enums import ImportState, Verdict
from imports.meanings import Meaning
from imports.operations.locking import locked
from imports.operations.rejudging import change

if TYPE_CHECKING:
    import datetime

    from accounts.models import User
    from imports.models import ImportRow
    from imports.queries import RowFilters

#: The first proposal is taken for all rows at once only from this score on, and so far ahead of the second; the others
#: are looked at one by one.
LIKELY = 0.8
AHEAD = 0.1


@transaction.atomic
def add_all_to_remit(*, import_id: int, by: User | None, at: datetime.datetime, **filters: Unpack[RowFilters]) -> int:
    """Add the schools of all rows that are outside the remit to it; return how many were added."""
    table = locked(import_id, ImportState.CHECKED)
    rows = list(queries.rows(table, **filters).filter(codes__contains=["outside_remit"]))
    added = add_schools(uais=[row.uai for row in rows], by=by, at=at).added
    if rows:
        change(table, rows)
    return len(added)


@transaction.atomic
def accept_proposals(
    *,
    import_id: int,
    by: User | None,  # noqa: ARG001 - the application is what the journal tells
    at: datetime.datetime,  # noqa: ARG001
    **filters: Unpack[RowFilters],
) -> int:
    """Choose the first proposal for all rows without a school whose first proposal is likely; return how many.

    `queries.likely` says beforehand which these are. Each row then has its school as if it had been chosen one by one.
    """
    table = locked(import_id, ImportState.CHECKED)
    rows = list(queries.likely(table, LIKELY, AHEAD, **filters))

    def choose(row: ImportRow) -> None:
        row.edits = row.edits | {Meaning.UAI.value: row.proposals[0]["uai"]}

    if rows:
        change(table, rows, choose)
    return len(rows)


@transaction.atomic
def put_all_aside(
    *,
    import_id: int,
    by: User | None,  # noqa: ARG001 - the application is what the journal tells
    at: datetime.datetime,  # noqa: ARG001
    **filters: Unpack[RowFilters],
) -> int:
    """Put all rows of a filter aside; return how many were not."""
    table = locked(import_id, ImportState.CHECKED)
    rows = list(queries.rows(table, **filters).filter(set_aside=False, passed_over=""))

    def put_aside(row: ImportRow) -> None:
        row.set_aside = True

    if rows:
        change(table, rows, put_aside)
    return len(rows)


@transaction.atomic
def await_all(
    *,
    import_id: int,
    by: User | None,  # noqa: ARG001 - the application is what the journal tells
    at: datetime.datetime,  # noqa: ARG001
    **filters: Unpack[RowFilters],
) -> int:
    """Keep all rows of a filter whose school the directory does not know aside until it does; return how many."""
    table = locked(import_id, ImportState.CHECKED)
    waiting = Q(codes__contains=["unknown_school"], verdict=Verdict.ERROR) & ~Q(uai="")
    rows = list(queries.rows(table, **filters).filter(waiting))

    def wait(row: ImportRow) -> None:
        row.set_aside = row.awaited = True

    if rows:
        change(table, rows, wait)
    return len(rows)
