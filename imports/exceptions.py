"""Errors raised by imports. Each French sentence says what happened and what can be done."""

from __future__ import annotations

from licensing.exceptions import LicensingError


class UnknownImport(LicensingError):
    code = "unknown_import"


class WrongImportState(LicensingError):
    """The state of the import does not allow this: another member acted first, or it is finished."""

    code = "invalid_state"


class ContentsDeleted(LicensingError):
    """The file and the rows of the import are kept no longer."""

    code = "contents_deleted"


class NothingToApply(LicensingError):
    code = "nothing_to_apply"


class RowsInError(LicensingError):
    """Some rows are in error, and `only_valid` was not set."""

    code = "rows_in_error"


class ConfirmationRequired(LicensingError):
    """The confirmation guard is set, and its number was not typed."""

    code = "confirmation_required"


class Outdated(LicensingError):
    """The rows or their schools changed since they were shown."""

    code = "outdated"


class PoolMissing(LicensingError):
    """An allocation import needs a pool."""

    code = "pool_missing"


class PoolNotOpen(LicensingError):
    """The pool belongs to another collectivity, has ended, or has no licence left."""

    code = "pool_not_open"


class WrongVolume(LicensingError):
    """`volume` and `units_for_all` contradict each other."""

    code = "invalid_volume"


class PortfolioHasNoUnits(LicensingError):
    """A portfolio import takes no pool, no number of licences and no send date."""

    code = "not_an_allocation"


class EmptyFile(LicensingError):
    code = "empty_file"


class FileTooLarge(LicensingError):
    code = "file_too_large"


class NotEditable(LicensingError):
    """The column is not editable for this purpose."""

    code = "not_editable"


class UnknownRow(LicensingError):
    code = "unknown_row"


class RowCannotBeTicked(LicensingError):
    code = "row_cannot_be_ticked"


class NotEnoughLicences(LicensingError):
    """The ticked rows need more licences than the pool has."""

    code = "not_enough_licences"


class NobodyToAsk(LicensingError):
    """No other manager has an e-mail address."""

    code = "nobody_to_ask"


class NothingArrived(LicensingError):
    """No awaited school of the import is in the directory yet, or another member acted first."""

    code = "no_awaited_school_found"


class PoolEnded(LicensingError):
    """The pool is closed: another one must be chosen."""

    code = "pool_ended"


class CannotAwait(LicensingError):
    """The school of the row is known, or the row has no UAI to wait for."""

    code = "cannot_await"


class CannotResolveConflict(LicensingError):
    """The row has no conflict, or this does not resolve it."""

    code = "cannot_resolve"
