"""Rate limits of verification e-mails to a school's mailbox."""

from __future__ import annotations

import datetime

from accounts.throttling import RateLimit

HOUR = datetime.timedelta(hours=1)
DAY = datetime.timedelta(days=1)
PER_SCHOOL_AND_HOUR = RateLimit("principal/hour", 1, HOUR)
PER_SCHOOL_AND_DAY = RateLimit("principal/day", 3, DAY)
PER_ACCOUNT_AND_DAY = RateLimit("principal/account", 5, DAY)
