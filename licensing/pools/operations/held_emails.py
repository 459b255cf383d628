"""Release e-mails about keys that were held while their pool was suspended.

The renderer holds them (`licensing.pools.emails.check_due`), as a payment may restore the pool at any time. A message
is held only while its pool is suspended, or its release is about to run (docs/decisions/0114): what changes the rights
queues it, and who holds a message has the pool looked at again soon, as the rights may have changed meanwhile.
"""

from __future__ import annotations

import datetime

from django.db import transaction

from core.calendar import date_in_paris, end_of_day
from core.connections import connection
from jobs import due
from jobs.tasks import defer
from licensing.pools.models import ALLOCATION_TOPIC, Allocation, Pool
from mailing import operations as mailing
from mailing.models import Message
from tenants.models import Collectivity

RELEASE_TASK = "pools.release_held_emails"

#: After an e-mail was held, its pool is looked at again: the worker may have read it before a payment.
LOOK_DELAY = datetime.timedelta(minutes=10)


def queue_release(collectivity: Collectivity) -> None:
    """Queue `release_held_emails` in the collectivity's schema, in the transaction that changes its rights."""
    # Not once: a waiting job may start before this transaction commits.
    defer(RELEASE_TASK, schema=collectivity.schema_name)


def schedule_look(message: Message, at: datetime.datetime) -> None:
    """Have the collectivity whose e-mail about a key is held looked at soon. In the transaction that holds it."""
    if message.topic == ALLOCATION_TOPIC:
        due.schedule(RELEASE_TASK, connection.schema_name, at + LOOK_DELAY)


@transaction.atomic
def release_held_emails(*, at: datetime.datetime) -> int:
    """Release the held e-mails of the pools that are not suspended; return how many. Idempotent.

    Those of redeemed keys, and of pools that are over, are cancelled when they are rendered. Schedules itself for the
    day on which the first of the other pools is over.
    """
    day = date_in_paris(at)
    pools = Pool.objects.prefetch_related("entitlement")
    suspended = {pool.pk: pool.entitlement for pool in pools if pool.entitlement.suspended_on(day)}
    messages = Message.objects.filter(topic=ALLOCATION_TOPIC)
    releasable = Allocation.objects.exclude(pool__in=suspended).values("pk")
    released = mailing.release_held(messages.filter(topic_id__in=releasable), at=at)
    kept = Allocation.objects.filter(pool__in=suspended, pk__in=messages.held().values("topic_id"))
    if pools_kept := kept.order_by().values_list("pool", flat=True).distinct():
        last_day = min(suspended[number].last_day for number in pools_kept)
        due.schedule(RELEASE_TASK, connection.schema_name, end_of_day(last_day))
    return released
