"""How many letters of invitation leave, so that nobody writes to the world in a school's name."""

from __future__ import annotations

import datetime
from collections.abc import Collection

from accounts import throttling
from accounts.models import User
from licensing.entitlements.models import Subscription
from licensing.invitations.exceptions import TooManyTeachersInvited

_DAY = datetime.timedelta(days=1)
PER_PRINCIPAL = throttling.RateLimit("invite/principal", 100, _DAY)
PER_SCHOOL = throttling.RateLimit("invite/school", 150, _DAY)
#: High: a school's mailbox may be that of all its teachers.
PER_MAILBOX = throttling.RateLimit("invite/mailbox", 20, _DAY)


def count_letters(subscription: Subscription, mailboxes: Collection[str], *, by: User, at: datetime.datetime) -> None:
    """Count a letter to each of these mailboxes, in the caller's transaction. Raises `TooManyTeachersInvited`."""
    per_sender = [(PER_PRINCIPAL, str(by.pk)), (PER_SCHOOL, str(subscription.school_id))]
    try:
        throttling.count_attempts(per_sender, at=at, tries=len(mailboxes))
        # In this order everywhere: two principals who write to the same mailboxes wait, and do not deadlock.
        for mailbox in sorted(address.lower() for address in mailboxes):
            throttling.count_attempts([(PER_MAILBOX, mailbox)], at=at)
    except throttling.RateLimitExceeded as throttled:
        raise TooManyTeachersInvited(
            f"Trop d’invitations sont parties aujourd’hui : patientez {throttling.format_wait(throttled.wait)}, puis "
            "recommencez. Rien n’a été envoyé cette fois.",
            throttled.retry_after,
        ) from None
