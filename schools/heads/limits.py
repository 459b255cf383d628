"""Rate limits of verification e-mails to a school's mailbox."""

from __future__ import annotations

import datetime

from accounts.throttling import Limit

HOUR = datetime.timedelta(hours=1)
DAY = datetime.timedelta(days=1)
A_SCHOOL_AN_HOUR = Limit("head/school/hour", 1, HOUR)
A_SCHOOL_A_DAY = Limit("head/school/day", 3, DAY)
AN_ACCOUNT_A_DAY = Limit("head/account", 5, DAY)
