"""How often a password, a code or a letter may be asked for."""

from __future__ import annotations

import datetime

from accounts.throttling import Limit

QUARTER = datetime.timedelta(minutes=15)
HOUR = datetime.timedelta(hours=1)
SIGN_IN_BY_NAME = Limit("sign-in/name", 10, QUARTER)
# A school's teachers share one address.
SIGN_IN_BY_ADDRESS = Limit("sign-in/address", 100, QUARTER)
# Three codes of six digits are right at a moment: at this pace one is guessed in a thousand and more days.
SECOND_FACTOR = Limit("second-factor", 10, HOUR)
# Each code works once. Longer than the minute and a half for which it is right.
CODE_ONCE = Limit("second-factor/code", 1, datetime.timedelta(minutes=3))
# A whole staff signs up in its computer room.
SIGN_UP_BY_ADDRESS = Limit("sign-up/network", 60, HOUR)
RESET_BY_ADDRESS = Limit("reset/network", 30, HOUR)
# Beyond it the page says what it always says, and no further letter leaves: the mailbox is a person's.
RESET_BY_EMAIL = Limit("reset/email", 5, HOUR)
# Letters to a new address of an account, and to whoever gets them without having asked.
NEW_ADDRESS = Limit("new-address", 5, HOUR)
