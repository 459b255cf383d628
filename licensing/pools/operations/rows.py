"""Giving from a list whose rows are judged one by one, and told of one by one: what programs send.

Whole or not at all, with what is wrong in each row; or row after row until the lot is used up.
"""

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
    """What one row asks for. Without a recipient: the remit's contact, else the directory's mailbox."""

    uai: str
    units: int
    recipient: str | None = None
    total: bool = False


class Became(StrEnum):
    """What became of a row."""

    CREATED = "created"
    GROWN = "grown"
    #: The school had its total already.
    UNCHANGED = "unchanged"
    REFUSED = "refused"


class Verdict(NamedTuple):
    """One row's result: the allocation with what it holds now, or the refusal."""

    uai: str
    result: Became
    allocation_id: int | None = None
    units: int | None = None
    refusal: Refused | None = None


class Given(NamedTuple):
    """What was done: a verdict a row, in order, and the sums."""

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
    """Give to each school what its row asks for, with a handful of statements whatever their number.

    `whole`: all of it or nothing; raises `RowsRefused` with the refusal of every row that has one, or `PoolExhausted`.
    Otherwise in order: a row that is refused, or asks for more than is left, receives nothing, and those after it are
    looked at all the same. Raises `UnknownPool`, `PoolSuspended`, `PoolClosed` and `BadDate`, which concern all rows.
    """
    pool = checks.locked_pool(pool_id)
    checks.check_open(pool.source, at)
    due_at = checks.due(send_on, source=pool.source, at=at)
    uais = [row.uai for row in rows]
    schools = targets(uais)
    judgements = list(judged(_addressed(rows, schools), schools, held_of(pool, uais), looked_up=True))
    found = list(_whole(pool, judgements) if whole else _as_far_as_it_goes(pool, judgements))
    steps = [one for one in found if isinstance(one, Step)]
    outcome = carry_out(pool, steps, by=by, at=at, due_at=due_at)
    if outcome.created + outcome.grown > 1:
        # A school's line stands on the school's own page; the home of the office tells the list.
        audit.record(
            action="pools.allocated_together",
            by=by,
            at=at,
            summary=given_together(outcome.units, outcome.created + outcome.grown, pool.name),
            object_type="pool",
            object_id=pool.pk,
        )
    verdicts = [
        _done(one, outcome) if isinstance(one, Step) else Verdict(row.uai, Became.REFUSED, refusal=one)
        for row, one in zip(rows, found, strict=True)
    ]
    return Given(verdicts, outcome)


def _addressed(rows: Sequence[Asked], schools: Mapping[str, Target]) -> list[Demand]:
    """Return the demands, each with where its key goes; with nothing there where nobody knows."""
    unsaid = [row.uai for row in rows if row.recipient is None and row.uai in schools]
    contacts = contacts_for(unsaid) if unsaid else {}
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


def _whole(pool: Pool, judgements: Sequence[Step | Wrong]) -> Iterator[Step]:
    wrong = {place: one.refusal() for place, one in enumerate(judgements) if isinstance(one, Wrong)}
    if wrong:
        raise RowsRefused(wrong)
    steps = [one for one in judgements if isinstance(one, Step)]
    units = sum(step.added for step in steps)
    if units > pool.free:
        raise exhausted(pool, pool.free, units, "Rien n'a été attribué.")
    yield from steps


def _as_far_as_it_goes(pool: Pool, judgements: Sequence[Step | Wrong]) -> Iterator[Step | Refused]:
    free = pool.free
    for one in judgements:
        if isinstance(one, Wrong):
            yield one.refusal()
        elif one.added > free:
            yield exhausted(pool, free, one.added, "Cette ligne n'a rien reçu.")
        else:
            free -= one.added
            yield one


def _done(step: Step, outcome: Outcome) -> Verdict:
    uai = step.demand.uai
    had = step.held.units if step.held is not None else 0
    result = Became.UNCHANGED if not step.added else Became.CREATED if step.held is None else Became.GROWN
    return Verdict(uai, result, outcome.allocations[uai], had + step.added)
