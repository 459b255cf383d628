"""How often a password may be tried."""

from __future__ import annotations

import datetime

from accounts.throttling import Limit

QUARTER = datetime.timedelta(minutes=15)
SIGN_IN_BY_NAME = Limit("sign-in/name", 10, QUARTER)
# A school's teachers share one address.
SIGN_IN_BY_ADDRESS = Limit("sign-in/address", 100, QUARTER)
