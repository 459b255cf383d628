"""Revocation of unredeemed allocations."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Sequence

from django.db import transaction
from django.db.models import F

from accounts.models import User
from collectivities import audit_log
from core import formatting
from licensing.entitlements.models import ActivationKey
from licensing.pools import events
from licensing.pools.emails import school_label
from licensing.pools.models import ALLOCATION_TOPIC, RESTORABLE_FOR, REVOKED_IN_BULK, Allocation, MessageKind, Pool
from licensing.pools.operations.results import AllocationActionResult, lock_allocations, redeemed_error
from licensing.pools.queries import find_emailed_ids
from mailing import operations as mailing
from schools.wording import format_school_name
from webhooks import operations as webhooks


def revoke(*, allocation_id: int, by: User | None, at: datetime.datetime) -> Allocation:
    """Revoke an unredeemed allocation; its licences return to the pool.

    Pending e-mails are cancelled; a school that received the key is notified after `RESTORABLE_FOR`, while which
    `restore` undoes it. Raises `AllocationRedeemed` or `UnknownAllocation`, having changed nothing. Idempotent.
    """
    for result in revoke_many(allocation_ids=[allocation_id], by=by, at=at):
        result.raise_for_refusal()
    return Allocation.objects.get(pk=allocation_id)


@transaction.atomic
def revoke_many(
    *,
    allocation_ids: Sequence[int],
    by: User | None,
    at: datetime.datetime,
    import_id: int | None = None,
    in_bulk: bool = False,
) -> list[AllocationActionResult]:
    """Revoke the unredeemed ones of these allocations, in one transaction; return a result for each.

    `import_id`: the import that requests it, recorded as one audit entry. `in_bulk`: part of one act that its own entry
    records.
    """
    requested = Allocation.objects.filter(pk__in_array=allocation_ids)
    # Lock order: pool → allocation → key.
    list(Pool.objects.locked().filter(pk__in=set(requested.values_list("pool_id", flat=True))))
    allocations, results = lock_allocations(allocation_ids)
    revocable: list[Allocation] = []
    for allocation in allocations.values():
        redeemed_at = allocation.key.redeemed_at
        if redeemed_at is not None:
            results.append(
                AllocationActionResult(allocation.pk, redeemed_error(redeemed_at, "elle ne peut plus être reprise"))
            )
        elif allocation.revoked_at is not None:
            results.append(AllocationActionResult(allocation.pk))
        else:
            revocable.append(allocation)
    notified: set[int] = set()
    if revocable:
        alone = import_id is None and not in_bulk
        notified = _apply_revocation(revocable, by=by, at=at, action="pools.revoked" if alone else REVOKED_IN_BULK)
    results += [AllocationActionResult(allocation.pk, notified=allocation.pk in notified) for allocation in revocable]
    return results


def _apply_revocation(
    allocations: list[Allocation], *, by: User | None, at: datetime.datetime, action: str
) -> set[int]:
    allocation_ids = [allocation.pk for allocation in allocations]
    mailing.hold_back(ALLOCATION_TOPIC, allocation_ids)
    notified = find_emailed_ids(allocation_ids)
    rows = Allocation.objects.filter(pk__in_array=allocation_ids)
    rows.update(revoked_at=at, revoked_by_id=by.pk if by else None)
    ActivationKey.objects.filter(pk__in_array=[allocation.key_id for allocation in allocations]).update(revoked_at=at)
    returned: Counter[int] = Counter()
    for allocation in allocations:
        returned[allocation.pool_id] += allocation.units
    for pool_id, units in sorted(returned.items()):
        Pool.objects.filter(pk=pool_id).update(allocated=F("allocated") - units)
    mailing.cancel(ALLOCATION_TOPIC, allocation_ids, at)
    mailing.enqueue_many(
        [
            mailing.NewMessage(
                kind=MessageKind.REVOKED,
                recipient=allocation.recipient,
                topic=ALLOCATION_TOPIC,
                topic_id=allocation.pk,
                about=school_label(allocation),
            )
            for allocation in allocations
            if allocation.pk in notified
        ],
        at=at,
        # Not before the revocation is final: one that is undone has written to nobody.
        due_at=at + RESTORABLE_FOR,
    )
    audit_log.record_many(
        [
            audit_log.NewAuditEntry(
                action=action,
                summary=f"{formatting.pluralize(allocation.units, 'licence reprise', 'licences reprises')} à "
                f"{format_school_name(allocation.school.name)} et "
                f"{'rendue' if allocation.units == 1 else 'rendues'} au lot « {allocation.pool.name} ».",
                school_id=allocation.school_id,
                object_type="allocation",
                object_id=allocation.pk,
            )
            for allocation in allocations
        ],
        by=by,
        at=at,
    )
    webhooks.emit(events=events.build_revoked_events(allocations), at=at)
    return notified
