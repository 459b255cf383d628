"""What is said of a gift: a line of the journal a school, and its e-mail."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from collectivities import audit
from licensing.pools.models import GIVEN_BY_LIST, GROWN_BY_LIST, TOPIC, MessageKind
from licensing.pools.operations.checking import keys_checked_meanwhile
from licensing.pools.operations.watching import Stage
from mailing import operations as mailing
from schools.wording import school_name
from web import typography

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Mapping, Sequence

    from accounts.models import User
    from licensing.pools.models import Pool
    from licensing.pools.operations.giving import Step
    from licensing.pools.operations.watching import Watch

_KEY = MessageKind.KEY.value


def tell_given(
    pool: Pool,
    steps: Sequence[Step],
    numbers: Mapping[str, int],
    *,
    by: User | None,
    at: datetime.datetime,
    due_at: datetime.datetime,
    watch: Watch,
) -> None:
    """Write the journal, a line a school, and queue the e-mails."""
    if len(steps) == 1:
        # A single message goes before the thousands of an import.
        only = _outgoing(steps[0], numbers)
        audit.record_many(_entries(steps, numbers, pool.name, "pools.allocated", "pools.grown"), by=by, at=at)
        mailing.enqueue(
            kind=only.kind,
            recipient=only.recipient,
            topic=only.topic,
            topic_id=only.topic_id,
            about=only.about,
            context=only.context,
            at=at,
            due_at=due_at,
        )
        return
    watch(Stage.JOURNAL, 0, len(steps))
    with keys_checked_meanwhile():
        journal = audit.lines_of(_entries(steps, numbers, pool.name, GIVEN_BY_LIST, GROWN_BY_LIST), by=by, at=at)
        outbox = mailing.lines_of((_outgoing(step, numbers) for step in steps), at=at, due_at=due_at)
    audit.record_lines(journal)
    watch(Stage.MESSAGES, 0, len(steps))
    mailing.enqueue_lines(outbox, at=at, due_at=due_at)


def _entries(
    steps: Sequence[Step], numbers: Mapping[str, int], pool_name: str, given: str, grown: str
) -> Iterator[audit.Entry]:
    for step in steps:
        uai = step.demand.uai
        action = given if step.held is None else grown
        yield audit.Entry(action, _summary(step, pool_name), uai, "allocation", numbers[uai])


def _outgoing(step: Step, numbers: Mapping[str, int]) -> mailing.Outgoing:
    demand = step.demand
    return mailing.Outgoing(
        kind=_KEY,
        recipient=demand.recipient,
        topic=TOPIC,
        topic_id=numbers[demand.uai],
        about=f"{step.school.name} ({demand.uai})",
        context={} if step.held is None else {"added": step.added},
    )


@functools.cache
def _licences(units: int) -> str:
    return typography.plural(units, "licence")


def _summary(step: Step, pool_name: str) -> str:
    given, school = _licences(step.added), school_name(step.school.name)
    if step.held is None:
        agreed = "attribuée" if step.added == 1 else "attribuées"
        return f"{given} {agreed} à {school} sur le lot « {pool_name} » ; clé pour {step.demand.recipient}."
    total = typography.number(step.held.units + step.added)
    return (
        f"{given} de plus pour {school} sur le lot « {pool_name} » (désormais {total}, même clé) ; "
        f"e-mail pour {step.demand.recipient}."
    )
