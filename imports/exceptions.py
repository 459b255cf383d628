"""Errors raised by imports. Each French sentence says what happened and what can be done."""

from __future__ import annotations

from core.exceptions import DomainError


class ContentsDeleted(DomainError):
    """The file and the rows of the import are kept no longer."""

    code = "contents_deleted"


class NothingToApply(DomainError):
    code = "nothing_to_apply"


class RowsInError(DomainError):
    """Some rows are in error, and `only_valid` was not set."""

    code = "rows_in_error"


class ConfirmationRequired(DomainError):
    """The confirmation guard is set, and its number was not typed."""

    code = "confirmation_required"


class PoolMissing(DomainError):
    """An allocation import needs a pool."""

    code = "pool_missing"


class PoolNotOpen(DomainError):
    """The pool belongs to another collectivity, has ended, or has no licence left."""

    code = "pool_not_open"


class WrongVolume(DomainError):
    """`volume` and `units_for_all` contradict each other."""

    code = "invalid_volume"


class NothingArrived(DomainError):
    """No awaited school of the import is in the directory yet, or another member acted first."""

    code = "no_awaited_school_found"
