"""Bulk allocation with a result per row, for the API: all or nothing, or best effort."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from django.db import transaction

from accounts.models import User
from collectivities import audit_log
from collectivities.queries import get_contact_emails
from licensing.exceptions import LicensingError
from licensing.pools import checks
from licensing.pools.exceptions import RowsRefused
from licensing.pools.models import Pool
from licensing.pools.operations.allocation import apply_demands
from licensing.pools.operations.demand_checks import (
    RejectedDemand,
    check_demands,
    get_target_schools,
    lock_existing_allocations,
    pool_exhausted_error,
)
from licensing.pools.operations.demands import AllocationOutcome, CheckedDemand, Demand, TargetSchool
from licensing.pools.wording import describe_bulk_allocation


class AllocationRequest(NamedTuple):
    """The request of one row. `recipient`: by default the portfolio's contact, else the directory's."""

    uai: str
    units: int
    recipient: str | None = None
    total: bool = False


class AllocationRowStatus(StrEnum):
    """Outcome of a row."""

    CREATED = "created"
    GROWN = "grown"
    #: The school had its total already.
    UNCHANGED = "unchanged"
    REJECTED = "rejected"


class AllocationRowResult(NamedTuple):
    """Result of a row: the allocation with its units, or the refusal."""

    uai: str
    result: AllocationRowStatus
    allocation_id: int | None = None
    units: int | None = None
    refusal: LicensingError | None = None


class BulkAllocationResult(NamedTuple):
    """Results by row, in order, and totals."""

    results: list[AllocationRowResult]
    outcome: AllocationOutcome


@transaction.atomic
def allocate_rows(
    *,
    pool_id: int,
    rows: Sequence[AllocationRequest],
    all_or_nothing: bool,
    by: User | None,
    at: datetime.datetime,
    send_on: datetime.date | None = None,
) -> BulkAllocationResult:
    """Allocate what each row requests, in a constant number of statements.

    `all_or_nothing`: raises `RowsRefused` with the error of every refused row, or `PoolExhausted`. Otherwise
    best effort, in order: a row that is refused or exceeds the rest of the pool is skipped. Raises `UnknownPool`,
    `PoolSuspended`, `PoolClosed` and `BadSendDate`, which concern all rows.
    """
    pool = checks.lock_pool(pool_id)
    checks.check_open(pool.entitlement, at)
    due_at = checks.compute_due_at(send_on, entitlement=pool.entitlement, at=at)
    uais = [row.uai for row in rows]
    schools = get_target_schools(uais)
    checked = list(
        check_demands(
            _resolve_recipients(rows, schools),
            schools,
            lock_existing_allocations(pool, uais),
            recipients_looked_up=True,
        )
    )
    checked_or_errors = list(_all_or_nothing(pool, checked) if all_or_nothing else _best_effort(pool, checked))
    accepted = [one for one in checked_or_errors if isinstance(one, CheckedDemand)]
    outcome = apply_demands(pool, accepted, by=by, at=at, due_at=due_at)
    if outcome.created + outcome.grown > 1:
        # For the home page of the office; each school's page shows its own entry.
        audit_log.record(
            action="pools.bulk_allocated",
            by=by,
            at=at,
            summary=describe_bulk_allocation(outcome.units, outcome.created + outcome.grown, pool.name),
            object_type="pool",
            object_id=pool.pk,
        )
    results = [
        _build_result(one, outcome)
        if isinstance(one, CheckedDemand)
        else AllocationRowResult(row.uai, AllocationRowStatus.REJECTED, refusal=one)
        for row, one in zip(rows, checked_or_errors, strict=True)
    ]
    return BulkAllocationResult(results, outcome)


def _resolve_recipients(rows: Sequence[AllocationRequest], schools: Mapping[str, TargetSchool]) -> list[Demand]:
    """Return the demands with their recipients looked up; empty where there is none."""
    without_recipient = [row.uai for row in rows if row.recipient is None and row.uai in schools]
    contacts = get_contact_emails(without_recipient) if without_recipient else {}
    return [
        Demand(
            row.uai,
            row.units,
            (contacts.get(row.uai) or (schools[row.uai].mailbox if row.uai in schools else ""))
            if row.recipient is None
            else row.recipient,
            row.total,
        )
        for row in rows
    ]


def _all_or_nothing(pool: Pool, checked: Sequence[CheckedDemand | RejectedDemand]) -> Iterator[CheckedDemand]:
    refusals = {index: one.refusal() for index, one in enumerate(checked) if isinstance(one, RejectedDemand)}
    if refusals:
        raise RowsRefused(refusals)
    accepted = [one for one in checked if isinstance(one, CheckedDemand)]
    units = sum(one.added for one in accepted)
    if units > pool.free:
        raise pool_exhausted_error(pool, pool.free, units, "Rien n'a été attribué.")
    yield from accepted


def _best_effort(
    pool: Pool, checked: Sequence[CheckedDemand | RejectedDemand]
) -> Iterator[CheckedDemand | LicensingError]:
    free = pool.free
    for one in checked:
        if isinstance(one, RejectedDemand):
            yield one.refusal()
        elif one.added > free:
            yield pool_exhausted_error(pool, free, one.added, "Cette ligne n'a rien reçu.")
        else:
            free -= one.added
            yield one


def _build_result(checked: CheckedDemand, outcome: AllocationOutcome) -> AllocationRowResult:
    uai = checked.demand.uai
    before = checked.existing.units if checked.existing is not None else 0
    result = (
        AllocationRowStatus.UNCHANGED
        if not checked.added
        else AllocationRowStatus.CREATED
        if checked.existing is None
        else AllocationRowStatus.GROWN
    )
    return AllocationRowResult(uai, result, outcome.allocations[uai], before + checked.added)
