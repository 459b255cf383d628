"""Errors of the operations on pools. Each message says what happened and what can be done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licensing.exceptions import Refused
from web import typography

if TYPE_CHECKING:
    from collections.abc import Mapping


class UnknownPool(Refused):
    code = "unknown_pool"


class PoolExhausted(Refused):
    code = "pool_exhausted"


class PoolSuspended(Refused):
    code = "pool_suspended"


class PoolClosed(Refused):
    code = "pool_closed"


class UnknownSchool(Refused):
    code = "unknown_school"


class SchoolClosed(Refused):
    code = "school_closed"


class SchoolTwice(Refused):
    code = "school_twice"


class BadAddress(Refused):
    code = "bad_address"


class NoAddress(Refused):
    code = "no_address"


class BadUnits(Refused):
    code = "bad_units"


class WouldShrink(Refused):
    code = "would_shrink"


class BadDate(Refused):
    code = "bad_date"


class UnknownAllocation(Refused):
    code = "unknown_allocation"


class AlreadyRedeemed(Refused):
    code = "already_redeemed"


class AlreadyRevoked(Refused):
    code = "already_revoked"


class NotYetSent(Refused):
    code = "not_yet_sent"


class RemindedToday(Refused):
    code = "reminded_today"


class RowsRefused(Refused):
    """Some rows of an all-or-nothing list are refused; `refusals` by row index, from 0."""

    code = "rows_refused"

    def __init__(self, refusals: Mapping[int, Refused]) -> None:
        refused_rows = typography.plural(len(refusals), "ligne est refusée", "lignes sont refusées")
        super().__init__(f"Rien n'a été attribué : {refused_rows}.")
        self.refusals = refusals
