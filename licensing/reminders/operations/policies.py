"""The policy of a pool: whether, after how many days and about what its schools are reminded."""

from __future__ import annotations

import datetime
from typing import NamedTuple

from django.db import transaction

from accounts.models import User
from collectivities import audit_log
from licensing.pools.exceptions import UnknownPool
from licensing.pools.models import Pool
from licensing.reminders import planning
from licensing.reminders.exceptions import BadReminderDays
from licensing.reminders.models import MAX_DAYS, MAX_STEPS, ReminderPolicy
from licensing.reminders.queries import get_policy
from licensing.reminders.wording import describe_policy


class PolicyValues(NamedTuple):
    """The fields of a policy to set; None leaves a field as it is."""

    is_enabled: bool | None = None
    unredeemed_days: list[int] | None = None
    #: 0: no reminder.
    unused_days: int | None = None
    writes_in_october: bool | None = None


@transaction.atomic
def set_policy(*, pool_id: int, values: PolicyValues, by: User | None, at: datetime.datetime) -> ReminderPolicy:
    """Change the policy of a pool, plan anew, and return the policy. Idempotent.

    Raises `UnknownPool` and `BadReminderDays`.
    """
    pool = Pool.objects.locked().filter(pk=pool_id).first()
    if pool is None:
        raise UnknownPool("Ce lot n'existe pas dans votre collectivité : choisissez-le dans la liste de vos lots.")
    planning.hold_plan_lock()
    policy = get_policy(pool.pk)
    before = describe_policy(policy)
    if values.is_enabled is not None:
        policy.is_enabled = values.is_enabled
    if values.unredeemed_days is not None:
        policy.unredeemed_days = _check_days(values.unredeemed_days)
    if values.unused_days is not None:
        policy.unused_days = _check_day(values.unused_days) if values.unused_days else None
    if values.writes_in_october is not None:
        policy.writes_in_october = values.writes_in_october
    after = describe_policy(policy)
    if after == before:
        return policy
    policy.save()
    planning.plan(at=at)
    audit_log.record(
        action="reminders.policy_changed",
        by=by,
        at=at,
        object_type="pool",
        object_id=pool.pk,
        summary=f"Relances du lot « {pool.name} » : {after}",
    )
    return policy


def _check_days(days: list[int]) -> list[int]:
    if len(set(days)) > MAX_STEPS:
        raise BadReminderDays(
            f"Indiquez {MAX_STEPS} délais au plus : au-delà, une école ne lit plus ce qu'elle reçoit."
        )
    return sorted({_check_day(day) for day in days})


def _check_day(day: int) -> int:
    if not 1 <= day <= MAX_DAYS:
        raise BadReminderDays(f"Un délai compte de 1 à {MAX_DAYS} jours : rien n'a été changé.")
    return day
