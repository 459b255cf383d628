"""Bulk edits of filtered rows, checked again together."""

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

#: Thresholds for accepting the first proposal in bulk: minimum score, and minimum lead over the second.
LIKELY = 0.8
AHEAD = 0.1


@transaction.atomic
def add_all_to_remit(*, import_id: int, by: User | None, at: datetime.datetime, **filters: Unpack[RowFilters]) -> int:
    """Add the schools outside the portfolio to it; return how many were added."""
    spreadsheet_import = locked(import_id, ImportState.CHECKED)
    rows = list(queries.rows(spreadsheet_import, **filters).filter(codes__contains=["outside_remit"]))
    added = add_schools(uais=[row.uai for row in rows], by=by, at=at).added
    if rows:
        change(spreadsheet_import, rows)
    return len(added)


@transaction.atomic
def accept_proposals(
    *,
    import_id: int,
    by: User | None,  # noqa: ARG001 - only the application is audited
    at: datetime.datetime,  # noqa: ARG001
    **filters: Unpack[RowFilters],
) -> int:
    """Choose the first proposal for all unmatched rows where it is likely; return how many.

    `queries.list_likely_matches` returns these rows. Same effect as choosing the school row by row.
    """
    spreadsheet_import = locked(import_id, ImportState.CHECKED)
    rows = list(queries.likely(spreadsheet_import, LIKELY, AHEAD, **filters))

    def choose(row: ImportRow) -> None:
        row.edits = row.edits | {Meaning.UAI.value: row.proposals[0]["uai"]}

    if rows:
        change(spreadsheet_import, rows, choose)
    return len(rows)


@transaction.atomic
def put_all_aside(
    *,
    import_id: int,
    by: User | None,  # noqa: ARG001 - only the application is audited
    at: datetime.datetime,  # noqa: ARG001
    **filters: Unpack[RowFilters],
) -> int:
    """Set all rows of a filter aside; return how many changed."""
    spreadsheet_import = locked(import_id, ImportState.CHECKED)
    rows = list(queries.rows(spreadsheet_import, **filters).filter(set_aside=False, passed_over=""))

    def put_aside(row: ImportRow) -> None:
        row.set_aside = True

    if rows:
        change(spreadsheet_import, rows, put_aside)
    return len(rows)


@transaction.atomic
def await_all(
    *,
    import_id: int,
    by: User | None,  # noqa: ARG001 - only the application is audited
    at: datetime.datetime,  # noqa: ARG001
    **filters: Unpack[RowFilters],
) -> int:
    """Set aside all rows with an unknown school until the directory knows it; return how many."""
    spreadsheet_import = locked(import_id, ImportState.CHECKED)
    waiting = Q(codes__contains=["unknown_school"], verdict=Verdict.ERROR) & ~Q(uai="")
    rows = list(queries.rows(spreadsheet_import, **filters).filter(waiting))

    def wait(row: ImportRow) -> None:
        row.set_aside = row.awaited = True

    if rows:
        change(spreadsheet_import, rows, wait)
    return len(rows)
