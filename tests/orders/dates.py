"""Days in the life of an order that is placed at `TERM`."""

import datetime

from django.utils import timezone

from core.calendar import date_in_paris, start_of_day
from tests.conftest import TERM

DAY = datetime.timedelta(days=1)
#: Last day of the provisional rights: the 45th after the order.
LAST_PROVISIONAL = datetime.date(2027, 1, 8)
YEAR_ENDS = datetime.date(2027, 8, 31)


def days_ago(count: int) -> datetime.datetime:
    """Return the first moment of a past day in Paris: 60 times 24 hours before an evening of winter is 59 days ago."""
    return start_of_day(date_in_paris(timezone.now()) - count * DAY)


def at_day(day: int, hour: int = 10) -> datetime.datetime:
    """Return the moment `day` days after TERM, at `hour` in Paris."""
    return (TERM + day * DAY).replace(hour=hour)
