"""Bulk edits of filtered rows, checked again together."""

from __future__ import annotations

import datetime
from typing import Unpack

from django.db import transaction
from django.db.models import Q

from accounts.models import User
from collectivities.operations.portfolio import add_to_portfolio as add_schools
from imports import queries
from imports.enums import ImportState, Verdict
from imports.meanings import Meaning
from imports.models import ImportRow, SpreadsheetImport
from imports.operations.import_lock import lock_import
from imports.operations.recheck import change_rows
from imports.parsing.emails import find_addresses
from imports.queries import RowQuery
from imports.remark_queries import ADDRESS_CODES
from schools.models import School

#: Thresholds for accepting the first proposal in bulk: minimum score, and minimum lead over the second.
MIN_SCORE = 0.8
MIN_LEAD = 0.1


@transaction.atomic
def add_all_to_portfolio(*, import_id: int, by: User | None, at: datetime.datetime, **filters: Unpack[RowQuery]) -> int:
    """Add the schools outside the portfolio to it; return how many were added."""
    spreadsheet_import = lock_import(import_id, ImportState.CHECKED)
    rows = list(queries.filter_rows(spreadsheet_import, **filters).filter(codes__contains=["not_in_portfolio"]))
    added = add_schools(uais=[row.uai for row in rows], by=by, at=at).added
    change_rows(spreadsheet_import, rows)
    return len(added)


@transaction.atomic
def accept_proposals(
    *,
    import_id: int,
    by: User | None,  # noqa: ARG001 - only the application is audited
    at: datetime.datetime,  # noqa: ARG001
    **filters: Unpack[RowQuery],
) -> int:
    """Choose the first proposal for all unmatched rows where it is likely; return how many.

    `queries.list_likely_matches` returns these rows. Same effect as choosing the school row by row.
    """
    spreadsheet_import = lock_import(import_id, ImportState.CHECKED)
    rows = list(queries.list_likely_matches(spreadsheet_import, MIN_SCORE, MIN_LEAD, **filters))

    def choose(row: ImportRow) -> None:
        row.edits = row.edits | {Meaning.UAI.value: row.proposals[0]["uai"]}

    change_rows(spreadsheet_import, rows, choose)
    return len(rows)


@transaction.atomic
def write_to_first_addresses(
    *,
    import_id: int,
    by: User | None,  # noqa: ARG001 - only the application is audited
    at: datetime.datetime,  # noqa: ARG001
    **filters: Unpack[RowQuery],
) -> int:
    """Choose the first address of each cell that has several; return how many."""
    spreadsheet_import = lock_import(import_id, ImportState.CHECKED)
    rows = queries.filter_rows(spreadsheet_import, **filters).filter(codes__contains=["multiple_emails"])
    cells = {row: find_addresses((row.cells | row.edits).get(Meaning.EMAIL, "")) for row in rows}
    return _write_to(spreadsheet_import, {row: addresses[0] for row, addresses in cells.items() if addresses})


@transaction.atomic
def write_to_official_addresses(
    *,
    import_id: int,
    by: User | None,  # noqa: ARG001 - only the application is audited
    at: datetime.datetime,  # noqa: ARG001
    **filters: Unpack[RowQuery],
) -> int:
    """Choose the directory's address for the rows whose own cannot be used, where it has one; return how many."""
    spreadsheet_import = lock_import(import_id, ImportState.CHECKED)
    rows = list(queries.filter_rows(spreadsheet_import, **filters).filter(codes__overlap=list(ADDRESS_CODES)))
    schools = School.objects.filter(pk__in_array=[row.uai for row in rows]).exclude(email="")
    mailboxes = dict(schools.values_list("pk", "email"))
    return _write_to(spreadsheet_import, {row: mailboxes[row.uai] for row in rows if row.uai in mailboxes})


def _write_to(spreadsheet_import: SpreadsheetImport, addresses: dict[ImportRow, str]) -> int:
    def correct(row: ImportRow) -> None:
        row.edits = row.edits | {Meaning.EMAIL.value: addresses[row]}

    change_rows(spreadsheet_import, list(addresses), correct)
    return len(addresses)


@transaction.atomic
def set_all_aside(
    *,
    import_id: int,
    by: User | None,  # noqa: ARG001 - only the application is audited
    at: datetime.datetime,  # noqa: ARG001
    **filters: Unpack[RowQuery],
) -> int:
    """Set all rows of a filter aside; return how many changed."""
    spreadsheet_import = lock_import(import_id, ImportState.CHECKED)
    rows = list(queries.filter_rows(spreadsheet_import, **filters).filter(set_aside=False, ignored_reason=""))

    def put_aside(row: ImportRow) -> None:
        row.set_aside = True

    change_rows(spreadsheet_import, rows, put_aside)
    return len(rows)


@transaction.atomic
def restore_all(
    *,
    import_id: int,
    by: User | None,  # noqa: ARG001 - only the application is audited
    at: datetime.datetime,  # noqa: ARG001
    **filters: Unpack[RowQuery],
) -> int:
    """Take up again all rows of a filter that were set aside or ignored; return how many."""
    spreadsheet_import = lock_import(import_id, ImportState.CHECKED)
    left_out = Q(set_aside=True) | ~Q(ignored_reason="")
    rows = list(queries.filter_rows(spreadsheet_import, **filters).filter(left_out))

    def restore(row: ImportRow) -> None:
        row.set_aside = row.awaited = False
        row.ignored_reason = ""

    change_rows(spreadsheet_import, rows, restore)
    return len(rows)


@transaction.atomic
def await_all(
    *,
    import_id: int,
    by: User | None,  # noqa: ARG001 - only the application is audited
    at: datetime.datetime,  # noqa: ARG001
    **filters: Unpack[RowQuery],
) -> int:
    """Set aside all rows with an unknown school until the directory knows it; return how many."""
    spreadsheet_import = lock_import(import_id, ImportState.CHECKED)
    waiting = Q(codes__contains=["unknown_school"], verdict=Verdict.ERROR) & ~Q(uai="")
    rows = list(queries.filter_rows(spreadsheet_import, **filters).filter(waiting))

    def wait(row: ImportRow) -> None:
        row.set_aside = row.awaited = True

    change_rows(spreadsheet_import, rows, wait)
    return len(rows)
