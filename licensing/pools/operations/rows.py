"""Bulk allocation with a result per row, for the API: all or nothing, or best effort."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from django.db import transaction

from collectivities import audit
from collectivities.queries import contacts_for
from licensing.pools import checks
from licensing.pools.exceptions import RowsRefused
from licensing.pools.operations.carrying import carry_out
from licensing.pools.operations.giving import Demand, Step
from licensing.pools.operations.judging import Wrong, exhausted, held_of, judged, targets
from licensing.pools.wording import given_together

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Mapping, Sequence

    from accounts.models import User
    from licensing.exceptions import Refused
    from licensing.pools.models import Pool
    from licensing.pools.operations.carrying import Outcome
    from licensing.pools.operations.giving import Target


class Asked(NamedTuple):
    """The request of one row. `recipient`: by default the portfolio's contact, else the directory's."""

    uai: str
    units: int
    recipient: str | None = None
    total: bool = False


class Became(StrEnum):
    """Outcome of a row."""

    CREATED = "created"
    GROWN = "grown"
    #: The school had its total already.
    UNCHANGED = "unchanged"
    REFUSED = "refused"


class Verdict(NamedTuple):
    """Result of a row: the allocation with its units, or the refusal."""

    uai: str
    result: Became
    allocation_id: int | None = None
    units: int | None = None
    refusal: Refused | None = None


class Given(NamedTuple):
    """Results by row, in order, and totals."""

    verdicts: list[Verdict]
    outcome: Outcome


@transaction.atomic
def allocate_rows(
    *,
    pool_id: int,
    rows: Sequence[Asked],
    whole: bool,
    by: User | None,
    at: datetime.datetime,
    send_on: datetime.date | None = None,
) -> Given:
    """Allocate what each row requests, in a constant number of statements.

    `whole`: all or nothing; raises `RowsRefused` with the error of every refused row, or `PoolExhausted`. Otherwise
    best effort, in order: a row that is refused or exceeds the rest of the pool is skipped. Raises `UnknownPool`,
    `PoolSuspended`, `PoolClosed` and `BadDate`, which concern all rows.
    """
    pool = checks.locked_pool(pool_id)
    checks.check_open(pool.source, at)
    due_at = checks.due(send_on, source=pool.source, at=at)
    uais = [row.uai for row in rows]
    schools = targets(uais)
    checked = list(judged(_resolve_recipients(rows, schools), schools, held_of(pool, uais), looked_up=True))
    steps_or_errors = list(_all_or_nothing(pool, checked) if whole else _best_effort(pool, checked))
    steps = [one for one in steps_or_errors if isinstance(one, Step)]
    outcome = carry_out(pool, steps, by=by, at=at, due_at=due_at)
    if outcome.created + outcome.grown > 1:
        # For the home page of the office; each school's page shows its own entry.
        audit.record(
            action="pools.allocated_together",
            by=by,
            at=at,
            summary=given_together(outcome.units, outcome.created + outcome.grown, pool.name),
            object_type="pool",
            object_id=pool.pk,
        )
    results = [
        _build_result(one, outcome) if isinstance(one, Step) else Verdict(row.uai, Became.REFUSED, refusal=one)
        for row, one in zip(rows, steps_or_errors, strict=True)
    ]
    return Given(results, outcome)


def _resolve_recipients(rows: Sequence[Asked], schools: Mapping[str, Target]) -> list[Demand]:
    """Return the demands with their recipients looked up; empty where there is none."""
    without_recipient = [row.uai for row in rows if row.recipient is None and row.uai in schools]
    contacts = contacts_for(without_recipient) if without_recipient else {}
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


def _all_or_nothing(pool: Pool, checked: Sequence[Step | Wrong]) -> Iterator[Step]:
    refusals = {index: one.refusal() for index, one in enumerate(checked) if isinstance(one, Wrong)}
    if refusals:
        raise RowsRefused(refusals)
    steps = [one for one in checked if isinstance(one, Step)]
    units = sum(step.added for step in steps)
    if units > pool.free:
        raise exhausted(pool, pool.free, units, "Rien n'a été attribué.")
    yield from steps


def _best_effort(pool: Pool, checked: Sequence[Step | Wrong]) -> Iterator[Step | Refused]:
    free = pool.free
    for one in checked:
        if isinstance(one, Wrong):
            yield one.refusal()
        elif one.added > free:
            yield exhausted(pool, free, one.added, "Cette ligne n'a rien reçu.")
        else:
            free -= one.added
            yield one


def _build_result(step: Step, outcome: Outcome) -> Verdict:
    uai = step.demand.uai
    before = step.held.units if step.held is not None else 0
    result = Became.UNCHANGED if not step.added else Became.CREATED if step.held is None else Became.GROWN
    return Verdict(uai, result, outcome.allocations[uai], before + step.added)
