"""Audit entries and e-mails of allocations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collectivities import audit_log
from licensing.pools.models import ALLOCATED_IN_BULK, ALLOCATION_TOPIC, GROWN_IN_BULK, MessageKind
from licensing.pools.operations.steps import AllocationStage
from licensing.pools.wording import describe_allocation, describe_growth
from mailing import operations as mailing

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Mapping, Sequence

    from accounts.models import User
    from licensing.pools.models import Pool
    from licensing.pools.operations.steps import AllocationStep, ProgressCallback

_KEY = MessageKind.KEY.value


def record_and_notify(
    pool: Pool,
    steps: Sequence[AllocationStep],
    allocation_ids: Mapping[str, int],
    *,
    by: User | None,
    at: datetime.datetime,
    due_at: datetime.datetime,
    import_id: int | None,
    on_progress: ProgressCallback,
) -> None:
    """Write an audit entry and queue an e-mail for each school.

    No audit entries for an import: its own rows document the allocations, up to 60,000 of them.
    """
    if len(steps) == 1 and import_id is None:
        # A single message is sent before the thousands of an import.
        message = _build_message(steps[0], allocation_ids)
        audit_log.record_many(
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
    on_progress(AllocationStage.JOURNAL, 0, len(steps))
    if import_id is None:
        entries = _build_entries(steps, allocation_ids, pool.name, ALLOCATED_IN_BULK, GROWN_IN_BULK)
        audit_log.record_many(entries, by=by, at=at)
    on_progress(AllocationStage.MESSAGES, 0, len(steps))
    mailing.enqueue_many((_build_message(step, allocation_ids) for step in steps), at=at, due_at=due_at)


def _build_entries(
    steps: Sequence[AllocationStep],
    allocation_ids: Mapping[str, int],
    pool_name: str,
    created_action: str,
    grown_action: str,
) -> Iterator[audit_log.NewAuditEntry]:
    for step in steps:
        uai = step.demand.uai
        action = created_action if step.held is None else grown_action
        yield audit_log.NewAuditEntry(action, _summary(step, pool_name), uai, "allocation", allocation_ids[uai])


def _build_message(step: AllocationStep, allocation_ids: Mapping[str, int]) -> mailing.NewMessage:
    demand = step.demand
    return mailing.NewMessage(
        kind=_KEY,
        recipient=demand.recipient,
        topic=ALLOCATION_TOPIC,
        topic_id=allocation_ids[demand.uai],
        about=f"{step.school.name} ({demand.uai})",
        context={} if step.held is None else {"added": step.added},
    )


def _summary(step: AllocationStep, pool_name: str) -> str:
    if step.held is None:
        return describe_allocation(step.added, step.school.name, pool_name, step.demand.recipient)
    total = step.held.units + step.added
    return describe_growth(step.added, total, step.school.name, pool_name, step.demand.recipient)
