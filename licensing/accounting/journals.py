"""The journals of the export, and the types of an accounting entry. Pure."""

from __future__ import annotations

import datetime
import enum
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
