"""Errors of the operations on pools. Each message says what happened and what can be done."""

from collections.abc import Mapping

from core import formatting
from core.exceptions import DomainError


class PoolExhausted(DomainError):
    code = "pool_exhausted"


class BadAddress(DomainError):
    code = "invalid_recipient"


class UnknownAllocation(DomainError):
    code = "unknown_allocation"


class AllocationRedeemed(DomainError):
    code = "already_redeemed"


class AllocationRevoked(DomainError):
    code = "already_revoked"


class WrittenThisWeek(DomainError):
    code = "written_this_week"


class RowsRefused(DomainError):
    """Some rows of an all-or-nothing list are refused; `refusals` by row index, from 0."""

    code = "rows_rejected"

    def __init__(self, refusals: Mapping[int, DomainError]) -> None:
        refused_rows = formatting.pluralize(len(refusals), "ligne est refusée", "lignes sont refusées")
        super().__init__(f"Rien n'a été attribué : {refused_rows}.")
        self.refusals = refusals
