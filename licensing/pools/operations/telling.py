"""Audit entries and e-mails of allocations."""

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
    allocation_ids: Mapping[str, int],
    *,
    by: User | None,
    at: datetime.datetime,
    due_at: datetime.datetime,
    import_id: int | None,
    watch: Watch,
) -> None:
    """Write an audit entry and queue an e-mail for each school.

    No audit entries for an import: its own rows document the allocations, up to 60,000 of them.
    """
    if len(steps) == 1 and import_id is None:
        # A single message is sent before the thousands of an import.
        message = _build_message(steps[0], allocation_ids)
        audit.record_many(
            _build_entries(steps, allocation_ids, pool.name, "pools.allocated", "pools.grown"), by=by, at=at
        )
        mailing.enqueue(
            kind=message.kind,
            recipient=message.recipient,
            topic=message.topic,
            topic_id=message.topic_id,
            about=message.about,
            context=message.context,
            at=at,
            due_at=due_at,
        )
        return
    watch(Stage.JOURNAL, 0, len(steps))
    with keys_checked_meanwhile():
        entries = (
            _build_entries(steps, allocation_ids, pool.name, GIVEN_BY_LIST, GROWN_BY_LIST) if import_id is None else ()
        )
        audit_lines = audit.lines_of(entries, by=by, at=at)
        message_lines = mailing.lines_of((_build_message(step, allocation_ids) for step in steps), at=at, due_at=due_at)
    if audit_lines:
        audit.record_lines(audit_lines)
    watch(Stage.MESSAGES, 0, len(steps))
    mailing.enqueue_lines(message_lines, at=at, due_at=due_at)


def _build_entries(
    steps: Sequence[Step], allocation_ids: Mapping[str, int], pool_name: str, created_action: str, grown_action: str
) -> Iterator[audit.Entry]:
    for step in steps:
        uai = step.demand.uai
        action = created_action if step.held is None else grown_action
        yield audit.Entry(action, _summary(step, pool_name), uai, "allocation", allocation_ids[uai])


def _build_message(step: Step, allocation_ids: Mapping[str, int]) -> mailing.Outgoing:
    demand = step.demand
    return mailing.Outgoing(
        kind=_KEY,
        recipient=demand.recipient,
        topic=TOPIC,
        topic_id=allocation_ids[demand.uai],
        about=f"{step.school.name} ({demand.uai})",
        context={} if step.held is None else {"added": step.added},
    )


def _summary(step: Step, pool_name: str) -> str:
    if step.held is None:
        return given_in_words(step.added, step.school.name, pool_name, step.demand.recipient)
    total = step.held.units + step.added
    return grown_in_words(step.added, total, step.school.name, pool_name, step.demand.recipient)
