"""Calendar days in Paris, wherever the server and the user are, and the public holidays of France. Pure."""

import datetime
from zoneinfo import ZoneInfo

#: Month and day of the holidays with a fixed date.
_FIXED = ((1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25))
#: Days after Easter Sunday: Easter Monday, Ascension, Whit Monday.
_AFTER_EASTER = (1, 39, 50)
_SATURDAY = 5


def get_easter(year: int) -> datetime.date:
    """Return Easter Sunday of the Gregorian calendar (Butcher's algorithm)."""
    century, rest = divmod(year, 100)
    golden = year % 19
    epact = (19 * golden + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (rest // 4) - epact - rest % 4) % 7
    shift = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * shift + 114, 31)
    return datetime.date(year, month, day + 1)


def is_public_holiday(day: datetime.date) -> bool:
    """Return whether the day is a public holiday in the whole of France."""
    easter = get_easter(day.year)
    return (day.month, day.day) in _FIXED or (day - easter).days in _AFTER_EASTER


def extend_to_working_day(day: datetime.date) -> datetime.date:
    """Return the day, or the next that is neither a Saturday, a Sunday nor a public holiday."""
    while day.weekday() >= _SATURDAY or is_public_holiday(day):
        day += datetime.timedelta(days=1)
    return day


PARIS = ZoneInfo("Europe/Paris")


def date_in_paris(at: datetime.datetime) -> datetime.date:
    """Return the calendar day in Paris at this moment: 31 August ends at midnight in Paris, not in UTC."""
    return at.astimezone(PARIS).date()


def start_of_day(day: datetime.date) -> datetime.datetime:
    """Return the moment this day begins in Paris."""
    return datetime.datetime.combine(day, datetime.time.min, tzinfo=PARIS)


def end_of_day(day: datetime.date) -> datetime.datetime:
    """Return the moment this day ends in Paris: the start of the next one."""
    return start_of_day(day + datetime.timedelta(days=1))
