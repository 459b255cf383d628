"""« Je n'ai pas reçu ma clé »: each waiting key of a school is written once more to the address on record.

Anybody may ask, of any school, and learns nothing: the request only queues `look_for`, whatever the school. What is
found is sent to those whom the collectivities chose, never to whoever asks, and once a day a school at most.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q
from django_tenants.utils import get_public_schema_name

from accounts import throttling
from accounts.throttling import Limit
from jobs.tasks import defer
from licensing.catalogue.operations import day_in_france
from licensing.pools.models import TOPIC, Allocation
from licensing.pools.operations.sending import resend_many
from licensing.subscriptions.models import ActivationKey, usable_on
from mailing.models import Message

if TYPE_CHECKING:
    from licensing.pools.operations.results import Result

A_SCHOOL_A_DAY = Limit("lost-key/school", 1, datetime.timedelta(days=1))

#: What the collectivity's journal says, with the address.
_SAID = "Clé renvoyée à {} : l'établissement a indiqué sur le portail ne pas l'avoir reçue."


def ask_again(*, uai: str) -> None:
    """Have the waiting keys of a school sent again. One job, the same for every school: the answer tells nothing."""
    defer("pools.look_for_lost_keys", schema=get_public_schema_name(), uai=uai)


@transaction.atomic
def look_for(*, uai: str, at: datetime.datetime) -> int:
    """Queue the sending in each collectivity that gave this school a key nobody activated; return in how many.

    In the public schema. Where the school was written to for this reason within a day, nothing happens.
    """
    schemas = list(
        ActivationKey.objects.filter(_waiting(uai, at), source__collectivity__isnull=False)
        .order_by("source__collectivity__schema_name")
        .values_list("source__collectivity__schema_name", flat=True)
        .distinct()
    )
    if not schemas:
        return 0
    try:
        throttling.count([(A_SCHOOL_A_DAY, uai)], at=at)
    except throttling.Throttled:
        return 0
    for schema in schemas:
        defer("pools.send_lost_keys", schema=schema, uai=uai)
    return len(schemas)


@transaction.atomic
def send_lost(*, uai: str, at: datetime.datetime) -> list[Result]:
    """Write each waiting key of the school once more, in the collectivity that is entered; return a result for each.

    One whose e-mail has not left yet is on its way, perhaps for a day that the collectivity chose: it is left alone.
    """
    keys = ActivationKey.objects.filter(_waiting(uai, at)).values("pk")
    numbers = list(Allocation.objects.active().filter(school=uai, key__in=keys).values_list("pk", flat=True))
    leaving = set(
        Message.objects.pending().filter(topic=TOPIC, topic_id__in=numbers).values_list("topic_id", flat=True)
    )
    due = [number for number in numbers if number not in leaving]
    return resend_many(allocation_ids=due, by=None, at=at, said=_SAID)


def _waiting(uai: str, at: datetime.datetime) -> Q:
    """Return the condition that a key of the school may still be activated."""
    usable = usable_on(day_in_france(at))
    return usable & Q(school=uai, redeemed_at__isnull=True, revoked_at__isnull=True)
