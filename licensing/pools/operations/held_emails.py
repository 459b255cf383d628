"""Release e-mails about keys that were held while their pool was suspended.

The renderer holds them (`licensing.pools.emails.check_due`), as a payment may restore the pool at any time. A message
is held only while its pool is suspended, or its release is about to run (docs/decisions/0114): what changes the rights
queues it, and `sweep_held_emails` finds what a worker held while the rights changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from psycopg import sql

from core.calendar import date_in_paris
from core.schemas import query_schemas_with
from jobs.tasks import defer, defer_once
from licensing.pools.models import ALLOCATION_TOPIC, Allocation, Pool
from mailing import operations as mailing
from mailing.models import Message

if TYPE_CHECKING:
    import datetime

    from tenants.models import Collectivity

RELEASE_TASK = "pools.release_held_emails"

# The opposite of `Entitlement.suspended_on`.
_RELEASABLE_SCHEMAS = sql.SQL(
    "SELECT {name} WHERE EXISTS ("
    " SELECT FROM {schema}.mailing_message AS message"
    " JOIN {schema}.pools_allocation AS allocation ON allocation.id = message.topic_id"
    " JOIN {schema}.pools_pool AS pool ON pool.id = allocation.pool_id"
    " JOIN public.entitlements_entitlement AS entitlement ON entitlement.id = pool.entitlement_id"
    " WHERE message.state = 'held' AND message.refusal <> 'waiting' AND message.topic = {topic}"
    " AND (entitlement.last_day < {day} OR entitlement.cancelled_at IS NOT NULL"
    " OR (entitlement.suspended_at IS NULL"
    " AND coalesce(entitlement.provisional_until, entitlement.last_day) >= {day})))"
)


def queue_release(collectivity: Collectivity) -> None:
    """Queue `release_held_emails` in the collectivity's schema, in the transaction that changes its rights."""
    # Not once: a waiting job may start before this transaction commits.
    defer(RELEASE_TASK, schema=collectivity.schema_name)


@transaction.atomic
def release_held_emails(*, at: datetime.datetime) -> int:
    """Release the held e-mails of the pools that are not suspended; return how many. Idempotent.

    Those of redeemed keys, and of pools that are over, are cancelled when they are rendered.
    """
    day = date_in_paris(at)
    pools = Pool.objects.select_related("entitlement")
    suspended = [pool.pk for pool in pools if pool.entitlement.suspended_on(day)]
    releasable = Allocation.objects.exclude(pool__in=suspended).values("pk")
    return mailing.release_held(Message.objects.filter(topic=ALLOCATION_TOPIC, topic_id__in=releasable), at=at)


def sweep_held_emails(*, at: datetime.datetime) -> list[str]:
    """Queue the release in each collectivity where an e-mail is held without reason; return their schemas."""
    table = Allocation._meta.db_table  # noqa: SLF001 - documented
    found = query_schemas_with(table, _RELEASABLE_SCHEMAS, topic=ALLOCATION_TOPIC, day=date_in_paris(at))
    schemas = [schema for (schema,) in found]
    for schema in schemas:
        defer_once(RELEASE_TASK, schema=schema, queueing_lock=f"{RELEASE_TASK}:{schema}")
    return schemas
