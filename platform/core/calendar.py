"""Calendar days: every day shown, stored or compared is a day in Paris, wherever the server and the user are. Pure."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

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
