"""Exceptions of bank statements. Their messages are written where they are raised."""

from __future__ import annotations

from licensing.exceptions import LicensingError


class UnreadableStatement(LicensingError):
    """The file is no bank statement that can be read, or its balances do not add up. Nothing was stored."""

    code = "unreadable_statement"


class WrongAccount(LicensingError):
    """The file has no statement of the seller's account. Nothing was stored."""

    code = "wrong_account"


class LineNotWaiting(LicensingError):
    """The line was booked or set aside meanwhile, or there is nothing to take back."""

    code = "line_not_waiting"


class BadShares(LicensingError):
    """What is to be booked does not add up to the line, or the books changed since it was shown."""

    code = "invalid_shares"
