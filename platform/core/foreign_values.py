"""Dates and texts that others write: each brought within bounds, or refused, before anything is done with it.

Pure. Whatever is wrong with a date is a `ValueError`: callers need know no other. A column that holds one has its
constraint (`core.foreign_date_checks`), so that the database refuses what a reader let through.
"""

from __future__ import annotations

import datetime
from email.utils import parsedate_to_datetime
from typing import Final

#: Any day of the trade is in this span. Python and PostgreSQL reach much further on both sides, so that a shift by a
#: time zone, or a duration that is added, ends outside of neither.
FIRST_DAY: Final = datetime.date(1900, 1, 1)
LAST_DAY: Final = datetime.date(2199, 12, 31)
#: What an ISO 8601 text in this span begins with, for those who describe it.
YEAR_PATTERN: Final = "^(19|20|21)"
#: Longest text that is looked at as a date: RFC 5322's own, with the name of a zone behind it, has some 40.
_MAX_DATE_LENGTH = 100


def check_day(day: datetime.date) -> datetime.date:
    """Return the day. Raises `ValueError` outside of the span."""
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError(f"{day} is not between {FIRST_DAY} and {LAST_DAY}.")
    return day


def check_moment(moment: datetime.datetime) -> datetime.datetime:
    """Return the moment, in UTC. Raises `ValueError` outside of the span, or without a time zone."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone.")
    try:
        moment = moment.astimezone(datetime.UTC)
    except OverflowError:
        raise ValueError(f"{moment} is in no year of Python's.") from None
    check_day(moment.date())
    return moment


def parse_day(text: str) -> datetime.date:
    """Return the day of an ISO 8601 text. Raises `ValueError`."""
    return check_day(datetime.date.fromisoformat(_check_length(text)))


def parse_moment(text: str, *, default_zone: datetime.tzinfo | None = None) -> datetime.datetime:
    """Return the moment of an ISO 8601 text, in UTC. Raises `ValueError`, also without a zone where none is given."""
    moment = datetime.datetime.fromisoformat(_check_length(text))
    return check_moment(moment if moment.tzinfo else moment.replace(tzinfo=default_zone))


def parse_header_date(text: str, *, default_zone: datetime.tzinfo | None = None) -> datetime.datetime:
    """Return the moment of a date as e-mail and HTTP write it, in UTC. Raises `ValueError`, as `parse_moment`."""
    try:
        moment = parsedate_to_datetime(_check_length(text))
    except (TypeError, IndexError, OverflowError) as error:
        raise ValueError(f"It is no date: {error}") from None
    return check_moment(moment if moment.tzinfo else moment.replace(tzinfo=default_zone))


def from_timestamp(seconds: float) -> datetime.datetime:
    """Return the moment so many seconds after 1970, in UTC. Raises `ValueError`."""
    try:
        return check_moment(datetime.datetime.fromtimestamp(seconds, tz=datetime.UTC))
    except (OverflowError, OSError, TypeError) as error:
        raise ValueError(f"It is no moment: {error}") from None


def clean_line(text: object, length: int) -> str:
    """Return printable text on one line, at most that long: PostgreSQL stores neither NUL nor half a surrogate pair."""
    # Four letters of white space for one that is kept are enough for whatever is real.
    printable = "".join(letter if letter.isprintable() else " " for letter in str(text)[: 4 * length])
    return " ".join(printable.split())[:length].rstrip()


def _check_length(text: str) -> str:
    if len(text) > _MAX_DATE_LENGTH:
        raise ValueError(f"A date has no {len(text)} letters.")
    return text
