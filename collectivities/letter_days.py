"""When the offices' recurrent letters leave: on the morning of a town hall's working day, school holidays included."""

from __future__ import annotations

import datetime

from core.calendar import PARIS, date_in_paris, extend_to_working_day
from core.connections import connection
from jobs import due

#: Kind of the due work that writes an office's weekly letters.
WEEKLY_LETTER = "office.weekly_letter"
#: Hour in Paris at which letters leave, and from which none leaves any more.
SEND_HOUR, LAST_HOUR = 8, 18
#: Kind of the due work that reminds an office's buyers of the next year, and the months on whose first working day.
RENEWAL_REMINDERS, RENEWAL_MONTHS = "renewals.remind", (4, 6, 8)
_ONE_WEEK = datetime.timedelta(days=7)


def get_week(day: datetime.date) -> datetime.date:
    """Return the Monday of the ISO week of a day."""
    return day - datetime.timedelta(days=day.weekday())


def is_working_day(day: datetime.date) -> bool:
    """Whether town halls work: no Saturday, no Sunday, no public holiday."""
    return extend_to_working_day(day) == day


def get_sending_moment(day: datetime.date) -> datetime.datetime:
    """Return when letters leave that are due on a day: that morning, or on the next working day's."""
    return datetime.datetime.combine(extend_to_working_day(day), datetime.time(SEND_HOUR), tzinfo=PARIS)


def is_sending_time(at: datetime.datetime) -> bool:
    """Whether a letter may leave at a moment: one that was kept waiting into a night or a weekend is late."""
    local = at.astimezone(PARIS)
    return is_working_day(local.date()) and SEND_HOUR <= local.hour < LAST_HOUR


def get_next_sending_moment(at: datetime.datetime) -> datetime.datetime:
    """Return when letters leave next, on whichever day."""
    today = date_in_paris(at)
    moment = get_sending_moment(today)
    return moment if moment > at else get_sending_moment(today + datetime.timedelta(days=1))


def get_next_weekly_moment(at: datetime.datetime) -> datetime.datetime:
    """Return when the next weekly letters leave: this week's where that is still to come."""
    monday = get_week(date_in_paris(at))
    this_week = get_sending_moment(monday)
    return this_week if this_week > at else get_sending_moment(monday + _ONE_WEEK)


def schedule_weekly_letter(at: datetime.datetime) -> None:
    """Have the current office looked at for its next weekly letter; late in the transaction that causes something."""
    due.schedule(WEEKLY_LETTER, connection.schema_name, get_next_weekly_moment(at))


def get_next_renewal_moment(at: datetime.datetime) -> datetime.datetime:
    """Return when the next reminders of the renewal leave: on the first working day of one of `RENEWAL_MONTHS`."""
    today = date_in_paris(at)
    days = (datetime.date(year, month, 1) for year in (today.year, today.year + 1) for month in RENEWAL_MONTHS)
    return next(moment for moment in map(get_sending_moment, days) if moment > at)


def schedule_renewal_reminder(at: datetime.datetime) -> None:
    """Have the current office, which bought licences, looked at when reminders of the renewal leave next."""
    due.schedule(RENEWAL_REMINDERS, connection.schema_name, get_next_renewal_moment(at))
