"""Errors of the operations on licences that come back."""

from __future__ import annotations

from licensing.exceptions import LicensingError


class NotGivenByCollectivity(LicensingError):
    """The licences were bought in the shop: there is no lot to give them back to."""

    code = "not_given"


class ReturnNotUndoable(LicensingError):
    """The return cannot be undone any more: the hour is over, or the licences were given to others."""

    code = "return_not_undoable"


class KeyNotRedeemed(LicensingError):
    """The school has not redeemed its key: its licences are reduced or revoked, not asked for."""

    code = "not_redeemed"


class NothingUnused(LicensingError):
    """Every licence of the key is held, reserved, or keeps a class."""

    code = "nothing_unused"


class AlreadyAsked(LicensingError):
    """The school has not answered a request yet, and may still."""

    code = "return_already_requested"


class AskedLately(LicensingError):
    """The school was asked less than sixty days ago."""

    code = "return_requested_lately"


class GivenLately(LicensingError):
    """The school has had its licences, or its redeemed key, for less than thirty days."""

    code = "given_lately"


class AsksForMore(LicensingError):
    """The school asks the collectivity for licences, and waits for the answer."""

    code = "school_asks_for_more"


class TooManyAsked(LicensingError):
    """More licences are asked for than are unused."""

    code = "more_than_unused"


class RequestEnded(LicensingError):
    """The request was answered or withdrawn, or its last day has passed."""

    code = "return_request_ended"


class UnknownReturnRequest(LicensingError):
    """The collectivity has no request with this number."""

    code = "unknown_return_request"
