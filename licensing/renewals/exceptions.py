"""Errors of renewals."""

from __future__ import annotations

from licensing.exceptions import LicensingError


class RenewalChanged(LicensingError):
    """Another member changed the list, or what it is computed from, since it was shown."""

    code = "renewal_changed"


class RenewalNotOpen(LicensingError):
    """The day has not come, or the year is over: nothing is prepared."""

    code = "renewal_not_open"


class WrongRenewalState(LicensingError):
    """The state of the renewal does not allow it: ordered, applied or declined already, or not yet."""

    code = "wrong_renewal_state"


class BadRenewalLine(LicensingError):
    """A school that the list does not have, or a number that a school cannot have."""

    code = "invalid_renewal_line"


class BadRenewalReason(LicensingError):
    """Whoever declines says why, in one sentence."""

    code = "invalid_reason"


class NothingToOrder(LicensingError):
    """The list asks for nothing that the collectivity does not have already."""

    code = "nothing_to_order"


class RenewalRefused(LicensingError):
    """The list cannot be given as it stands: nothing is done."""

    code = "renewal_refused"


class RenewalNotUndoable(LicensingError):
    """The schools were told, or something changed since: it is undone as a whole or not at all."""

    code = "renewal_not_undoable"
