"""What rows are checked against, and a row before and after it is checked."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from imports.enums import Purpose, Volume
from licensing.pools.queries import PoolHolding
from schools.recognition.results import Proposal


class PortfolioFacts(NamedTuple):
    """Portfolio entry of a school."""

    contact_name: str
    contact_email: str
    contact_phone: str
    classes: int | None


class SchoolFacts(NamedTuple):
    """Current data of a school."""

    #: For example « École Jean Jaurès – Nîmes ».
    label: str
    closed: bool
    #: Whether it has classes from CP to CM2.
    elementary: bool
    mailbox: str
    #: None if the school is not in the portfolio.
    portfolio: PortfolioFacts | None
    #: Licences held from the pool, and when the key was redeemed.
    held: int
    redeemed_at: datetime.datetime | None
    #: Licences held from other pools of the same product and school year.
    elsewhere: tuple[PoolHolding, ...] = ()


class CheckContext(NamedTuple):
    """Everything that rows are checked against."""

    purpose: Purpose
    schools: Mapping[str, SchoolFacts]
    #: With an empty portfolio, no school counts as outside it.
    has_portfolio: bool
    #: Whether the pool's product serves classes from CP to CM2.
    for_elementary: bool
    #: Where the number of licences comes from; `units_for_all` is set when it is ALL.
    volume: Volume | None
    units_for_all: int | None
    #: Open successors of closed schools, by UAI.
    successors: Mapping[str, Proposal] = {}
    #: Names of the workbook's sheets, to refer to rows of other sheets.
    sheets: Sequence[str] = ()
