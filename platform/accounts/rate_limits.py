"""Rate limits on codes, sign-ups and e-mails."""

from __future__ import annotations

import datetime

from accounts.throttling import RateLimit

HOUR = datetime.timedelta(hours=1)
# Each code works once. Longer than the 90 s during which a code is valid.
SINGLE_USE_CODE = RateLimit("second-factor/code", 1, datetime.timedelta(minutes=3))
# High: a school's staff may sign up together from one network.
SIGN_UP_BY_NETWORK = RateLimit("sign-up/network", 60, HOUR)
RESET_BY_NETWORK = RateLimit("reset/network", 30, HOUR)
# Beyond it no e-mail is sent and the page answers as usual: a mailbox must not be flooded.
RESET_BY_EMAIL = RateLimit("reset/email", 5, HOUR)
# To a mailbox whose owner may have asked for nothing. Beyond it no e-mail is sent and the page answers as usual.
CONFIRMATION_BY_EMAIL = RateLimit("confirmation/email", 3, HOUR)
# E-mails to an account's new address, whose owner may not have asked for them.
NEW_ADDRESS = RateLimit("new-address", 5, HOUR)
