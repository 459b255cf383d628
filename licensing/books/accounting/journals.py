"""The journals of the export, and the types of an accounting entry. Pure."""

import calendar
import datetime
import enum
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple


class Journal(enum.StrEnum):
    """A journal; its code and its label are those of the accounting settings."""

    SALES = "sales"
    BANK = "bank"
    CHEQUES = "cheques"
    CARDS = "cards"
    GENERAL = "general"

    @property
    def settings_field(self) -> str:
        """The name of the settings' field that holds its code."""
        return f"journal_{self}"


class ClientAccount(NamedTuple):
    """The auxiliary account of a client: a number that follows from who pays, and the name on the document."""

    number: str
    name: str


class EntryLine(NamedTuple):
    """A line of an entry."""

    #: The name of the settings' field that holds the account's number.
    account: str
    #: In euros: a debit is positive, a credit negative.
    amount: Decimal
    client: ClientAccount | None = None
    #: What settled it, and since when; empty while it is open on the last day of the period.
    letter: str = ""
    letter_on: datetime.date | None = None


class AccountingEntry(NamedTuple):
    """An entry whose debits equal its credits."""

    journal: Journal
    #: The day on which the books recorded it: days never go back, so that a period that is over gets no entry.
    on: datetime.date
    piece: str
    piece_on: datetime.date
    label: str
    lines: tuple[EntryLine, ...]
    #: Its rank in its journal, given when the journals are put together.
    number: int = 0


class Period(NamedTuple):
    """A span of days, both included."""

    start: datetime.date
    end: datetime.date


ONE_DAY = datetime.timedelta(days=1)


def get_closing_date(year: int, month: int) -> datetime.date:
    """Return the last day of a month."""
    return datetime.date(year, month, calendar.monthrange(year, month)[1])


def get_fiscal_year(day: datetime.date, *, closing_month: int) -> Period:
    """Return the fiscal year that a day belongs to."""
    closes_on = get_closing_date(day.year, closing_month)
    if closes_on < day:
        closes_on = get_closing_date(day.year + 1, closing_month)
    return Period(get_closing_date(closes_on.year - 1, closing_month) + ONE_DAY, closes_on)


def list_closing_dates(start: datetime.date, end: datetime.date, *, closing_month: int) -> Iterator[datetime.date]:
    """Yield the closing dates from `start` to `end`, both included."""
    for year in range(start.year, end.year + 1):
        closes_on = get_closing_date(year, closing_month)
        if start <= closes_on <= end:
            yield closes_on


def get_quarter(day: datetime.date) -> Period:
    """Return the calendar quarter that a day belongs to."""
    first_month = 3 * ((day.month - 1) // 3) + 1
    return Period(datetime.date(day.year, first_month, 1), get_closing_date(day.year, first_month + 2))


def get_month(day: datetime.date) -> Period:
    """Return the month that a day belongs to."""
    return Period(day.replace(day=1), get_closing_date(day.year, day.month))
