"""What is said of a gift: a line of the journal a school, and its e-mail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collectivities import audit
from licensing.pools.models import GIVEN_BY_LIST, GROWN_BY_LIST, TOPIC, MessageKind
from licensing.pools.operations.checking import keys_checked_meanwhile
from licensing.pools.operations.watching import Stage
from licensing.pools.wording import given_in_words, grown_in_words
from mailing import operations as mailing

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
    import_id: int | None,
    watch: Watch,
) -> None:
    """Write the journal, a line a school, and queue the e-mails.

    Of what an import gives, its own rows are the journal: sixty thousand lines more would say the same again.
    """
    if len(steps) == 1 and import_id is None:
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
        entries = _entries(steps, numbers, pool.name, GIVEN_BY_LIST, GROWN_BY_LIST) if import_id is None else ()
        journal = audit.lines_of(entries, by=by, at=at)
        outbox = mailing.lines_of((_outgoing(step, numbers) for step in steps), at=at, due_at=due_at)
    if journal:
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


def _summary(step: Step, pool_name: str) -> str:
    if step.held is None:
        return given_in_words(step.added, step.school.name, pool_name, step.demand.recipient)
    total = step.held.units + step.added
    return grown_in_words(step.added, total, step.school.name, pool_name, step.demand.recipient)
