"""What became of the e-mails about the keys of each school: three queries for all of them."""

from __future__ import annotations

import datetime
from typing import NamedTuple

from django.db.models import Q

from licensing.entitlements.office_keys import find_entitlements
from licensing.pools.models import ALLOCATION_TOPIC, Allocation, MessageKind
from mailing.models import Message, MessageState

_ARRIVED = (MessageState.SENT, MessageState.DELIVERED)


class KeyLetters(NamedTuple):
    """The e-mails of a school about its keys of a year that were not revoked."""

    #: When its key was last sent, and when it was last reminded; None for never.
    sent_at: datetime.datetime | None = None
    reminded_at: datetime.datetime | None = None
    #: The label of the state of its last e-mail.
    state: str = ""


def list_key_letters(last_day: datetime.date | None) -> dict[str, KeyLetters]:
    """Return by UAI the e-mails about keys of licences valid until `last_day`; none without such a day."""
    if last_day is None:
        return {}
    ending = find_entitlements(Q(last_day=last_day, cancelled_at=None))
    given = Allocation.objects.active().filter(pool__entitlement__in=ending)
    schools = dict(given.order_by().values_list("pk", "school_id"))
    found: dict[str, KeyLetters] = {}
    letters = Message.objects.filter(
        topic=ALLOCATION_TOPIC, topic_id__in=given.values("pk"), kind__in=(MessageKind.KEY, MessageKind.REMINDER)
    )
    for number, kind, state, sent_at in letters.order_by("pk").values_list("topic_id", "kind", "state", "sent_at"):
        uai = schools.get(number or 0)
        if uai is None or state == MessageState.CANCELLED:
            continue
        one = found.get(uai, KeyLetters())._replace(state=str(MessageState(state).label))
        if state in _ARRIVED:
            one = one._replace(sent_at=sent_at) if kind == MessageKind.KEY else one._replace(reminded_at=sent_at)
        found[uai] = one
    return found
