"""Errors raised by imports. Each French sentence says what happened and what can be done."""

from core.exceptions import DomainError


class NothingToApply(DomainError):
    code = "nothing_to_apply"


class RowsInError(DomainError):
    """Some rows are in error, and `only_valid` was not set."""

    code = "rows_in_error"


class PoolMissing(DomainError):
    """An allocation import needs a pool."""

    code = "pool_missing"


class PoolNotOpen(DomainError):
    """The pool belongs to another collectivity, has ended, or has no licence left."""

    code = "pool_not_open"


class WrongVolume(DomainError):
    """`volume` and `units_for_all` contradict each other."""

    code = "invalid_volume"
