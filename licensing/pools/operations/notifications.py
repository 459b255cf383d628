"""Audit entries and e-mails of allocations."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence

from accounts.models import User
from collectivities import audit_log
from licensing.pools.models import ALLOCATED_IN_BULK, ALLOCATION_TOPIC, GROWN_IN_BULK, MessageKind, Pool
from licensing.pools.operations.demands import AllocationStage, CheckedDemand, ProgressCallback
from licensing.pools.wording import describe_allocation, describe_growth
from mailing import operations as mailing

_KEY = MessageKind.KEY.value


def record_and_notify(
    pool: Pool,
    demands: Sequence[CheckedDemand],
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
    if len(demands) == 1 and import_id is None:
        # A single message is sent before the thousands of an import.
        message = _build_message(demands[0], allocation_ids)
        audit_log.record_many(
            _build_entries(demands, allocation_ids, pool.name, "pools.allocated", "pools.grown"), by=by, at=at
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
    on_progress(AllocationStage.JOURNAL, 0, len(demands))
    if import_id is None:
        entries = _build_entries(demands, allocation_ids, pool.name, ALLOCATED_IN_BULK, GROWN_IN_BULK)
        audit_log.record_many(entries, by=by, at=at)
    on_progress(AllocationStage.MESSAGES, 0, len(demands))
    mailing.enqueue_many((_build_message(checked, allocation_ids) for checked in demands), at=at, due_at=due_at)


def _build_entries(
    demands: Sequence[CheckedDemand],
    allocation_ids: Mapping[str, int],
    pool_name: str,
    created_action: str,
    grown_action: str,
) -> Iterator[audit_log.NewAuditEntry]:
    for checked in demands:
        uai = checked.demand.uai
        action = created_action if checked.existing is None else grown_action
        yield audit_log.NewAuditEntry(action, _summary(checked, pool_name), uai, "allocation", allocation_ids[uai])


def _build_message(checked: CheckedDemand, allocation_ids: Mapping[str, int]) -> mailing.NewMessage:
    demand = checked.demand
    context: dict[str, int] = {} if checked.existing is None else {"added": checked.added}
    if demand.asked:
        context["asked"] = demand.asked
    elif demand.is_moved:
        context["moved"] = True
    return mailing.NewMessage(
        kind=_KEY,
        recipient=demand.recipient,
        topic=ALLOCATION_TOPIC,
        topic_id=allocation_ids[demand.uai],
        about=f"{checked.school.name} ({demand.uai})",
        context=context,
    )


def _summary(checked: CheckedDemand, pool_name: str) -> str:
    if checked.existing is None:
        return describe_allocation(checked.added, checked.school.name, pool_name, checked.demand.recipient)
    total = checked.existing.units + checked.added
    return describe_growth(checked.added, total, checked.school.name, pool_name, checked.demand.recipient)
