"""Notify the other managers when somebody has had many keys shown: one e-mail a burst."""

from __future__ import annotations

import datetime

from accounts import throttling
from accounts.models import User
from accounts.throttling import RateLimit
from collectivities.models import AuditEntry, Role
from collectivities.queries import list_reachable_members
from core.connections import connection
from licensing.pools.models import MANY_REVEALED, REVEALED_ACTION
from mailing import operations as mailing

#: A manager helps a few schools a day by telephone.
MANY_KEYS = 10
_DAY = datetime.timedelta(days=1)
_NOTICE_LIMIT = RateLimit("reveal-notice", 1, _DAY)


def notify_managers(*, by: User, at: datetime.datetime) -> int:
    """E-mail the other managers where the account had `MANY_KEYS` keys shown within a day; return how many e-mails.

    At most once a day for each account, however many keys follow; where there is no other manager, their own mailbox
    is written to: somebody else may be using the account.
    """
    since = at - _DAY
    revealed = AuditEntry.objects.filter(action=REVEALED_ACTION, actor_id=by.pk, at__gt=since).order_by("at")
    moments = list(revealed.values_list("at", flat=True)[:MANY_KEYS])
    if len(moments) < MANY_KEYS:
        return 0
    try:
        throttling.count_attempts([(_NOTICE_LIMIT, f"{connection.schema_name}:{by.pk}")], at=at)
    except throttling.RateLimitExceeded:
        return 0
    addresses = {one.user.email for one in list_reachable_members(Role.MANAGER) if one.user_id != by.pk}
    recipients = sorted(addresses) or [by.email]
    return mailing.enqueue_many(
        [
            mailing.NewMessage(
                kind=MANY_REVEALED,
                recipient=recipient,
                topic=MANY_REVEALED,
                topic_id=by.pk,
                about=f"{by} ({by.username})",
                context={"since": moments[0].isoformat()},
            )
            for recipient in recipients
        ],
        at=at,
    )
