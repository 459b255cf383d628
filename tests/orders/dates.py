"""Days in the life of an order that is placed at `TERM`."""

from __future__ import annotations

import datetime

from tests.conftest import TERM

DAY = datetime.timedelta(days=1)
#: Last day of the provisional rights: the 45th after the order.
LAST_PROVISIONAL = datetime.date(2027, 1, 8)
YEAR_ENDS = datetime.date(2027, 8, 31)


def at_day(day: int, hour: int = 10) -> datetime.datetime:
    """Return the moment `day` days after TERM, at `hour` in Paris."""
    return (TERM + day * DAY).replace(hour=hour)
