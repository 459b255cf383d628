"""Errors of the operations on pools. Each message says what happened and what can be done."""

from __future__ import annotations

from collections.abc import Mapping

from core import formatting
from licensing.exceptions import LicensingError


class UnknownPool(LicensingError):
    code = "unknown_pool"


class PoolExhausted(LicensingError):
    code = "pool_exhausted"


class PoolSuspended(LicensingError):
    code = "pool_suspended"


class PoolClosed(LicensingError):
    code = "pool_closed"


class SchoolNotInDirectory(LicensingError):
    code = "unknown_school"


class SchoolClosed(LicensingError):
    code = "school_closed"


class DuplicateSchool(LicensingError):
    code = "duplicate_school"


class BadAddress(LicensingError):
    code = "invalid_recipient"


class RecipientRefused(LicensingError):
    code = "recipient_refused"


class NoAddress(LicensingError):
    code = "recipient_missing"


class BadUnits(LicensingError):
    code = "invalid_units"


class WouldShrink(LicensingError):
    code = "would_reduce"


class UnitsChanged(LicensingError):
    code = "units_changed"


class BadPoolName(LicensingError):
    code = "invalid_pool_name"


class BadSendDate(LicensingError):
    code = "invalid_send_date"


class UnknownAllocation(LicensingError):
    code = "unknown_allocation"


class AllocationRedeemed(LicensingError):
    code = "already_redeemed"


class AllocationRevoked(LicensingError):
    code = "already_revoked"


class RestorationTooLate(LicensingError):
    code = "restoration_too_late"


class SchoolServedAgain(LicensingError):
    code = "school_served_again"


class NotYetSent(LicensingError):
    code = "not_yet_sent"


class WrittenThisWeek(LicensingError):
    code = "written_this_week"


class AlreadyRemindedToday(LicensingError):
    code = "reminded_today"


class RowsRefused(LicensingError):
    """Some rows of an all-or-nothing list are refused; `refusals` by row index, from 0."""

    code = "rows_rejected"

    def __init__(self, refusals: Mapping[int, LicensingError]) -> None:
        refused_rows = formatting.pluralize(len(refusals), "ligne est refusée", "lignes sont refusées")
        super().__init__(f"Rien n'a été attribué : {refused_rows}.")
        self.refusals = refusals
