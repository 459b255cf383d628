"""« Je n'ai pas reçu ma clé »: resend a school's unredeemed keys to the addresses on record.

Anonymous: the request only queues `look_for`, whatever the school, and so discloses nothing. Keys go to the recipients
that the collectivities chose, at most once a day per school.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q
from django_tenants.utils import get_public_schema_name

from accounts import throttling
from accounts.throttling import RateLimit
from core.calendar import date_in_paris
from jobs.tasks import defer
from licensing.entitlements.models import ActivationKey, usable_on
from licensing.pools.models import ALLOCATION_TOPIC, Allocation
from licensing.pools.operations.key_emails import resend_many
from mailing.models import Message

if TYPE_CHECKING:
    from licensing.pools.operations.results import AllocationActionResult

_SCHOOL_LIMIT = RateLimit("lost-key/school", 1, datetime.timedelta(days=1))

#: Audit summary, formatted with the address.
_SUMMARY = "Clé renvoyée à {} : l'établissement a indiqué sur le portail ne pas l'avoir reçue."


def request_resend(*, uai: str) -> None:
    """Queue the resending of a school's unredeemed keys: the same job for every school."""
    defer("pools.look_for_lost_keys", schema=get_public_schema_name(), uai=uai)


@transaction.atomic
def queue_lost_keys(*, uai: str, at: datetime.datetime) -> int:
    """Queue the resending in each collectivity with unredeemed keys for the school; return how many.

    In the public schema. Does nothing where keys were resent to the school within a day.
    """
    schemas = list(
        ActivationKey.objects.filter(_redeemable(uai, at), entitlement__collectivity__isnull=False)
        .order_by("entitlement__collectivity__schema_name")
        .values_list("entitlement__collectivity__schema_name", flat=True)
        .distinct()
    )
    if not schemas:
        return 0
    try:
        throttling.count_attempts([(_SCHOOL_LIMIT, uai)], at=at)
    except throttling.RateLimitExceeded:
        return 0
    for schema in schemas:
        defer("pools.send_lost_keys", schema=schema, uai=uai)
    return len(schemas)


@transaction.atomic
def resend_lost_keys(*, uai: str, at: datetime.datetime) -> list[AllocationActionResult]:
    """Resend each unredeemed key of the school in the current collectivity; return a result for each.

    Skips keys with a pending e-mail, which may be scheduled for a later day.
    """
    keys = ActivationKey.objects.filter(_redeemable(uai, at)).values("pk")
    allocation_ids = list(Allocation.objects.active().filter(school=uai, key__in=keys).values_list("pk", flat=True))
    pending = set(
        Message.objects.pending()
        .filter(topic=ALLOCATION_TOPIC, topic_id__in=allocation_ids)
        .values_list("topic_id", flat=True)
    )
    due = [allocation_id for allocation_id in allocation_ids if allocation_id not in pending]
    return resend_many(allocation_ids=due, by=None, at=at, summary=_SUMMARY)


def _redeemable(uai: str, at: datetime.datetime) -> Q:
    """Return the condition that a key is for the school and can be redeemed."""
    usable = usable_on(date_in_paris(at))
    return usable & Q(school=uai, redeemed_at__isnull=True, revoked_at__isnull=True)
