"""Errors raised by imports. Each French sentence says what happened and what can be done."""

from __future__ import annotations

from licensing.exceptions import Refused


class UnknownImport(Refused):
    code = "unknown_import"


class WrongMoment(Refused):
    """The state of the import does not allow this: another member acted first, or it is finished."""

    code = "wrong_moment"


class NothingToApply(Refused):
    code = "nothing_to_apply"


class RowsInError(Refused):
    """Some rows are in error, and `only_valid` was not set."""

    code = "rows_in_error"


class Braked(Refused):
    """The confirmation guard is set, and its number was not typed."""

    code = "brake"


class Outdated(Refused):
    """The rows or their schools changed since they were shown."""

    code = "outdated"


class PoolMissing(Refused):
    """An allocation import needs a pool."""

    code = "pool_missing"


class PoolNotOpen(Refused):
    """The pool belongs to another collectivity, has ended, or has no licence left."""

    code = "pool_not_open"


class WrongVolume(Refused):
    """`volume` and `units_for_all` contradict each other."""

    code = "wrong_volume"


class RemitGivesNothing(Refused):
    """A portfolio import takes no pool, no number of licences and no send date."""

    code = "remit_gives_nothing"


class EmptyFile(Refused):
    code = "empty_file"


class NotCorrectable(Refused):
    """The column is not editable for this purpose."""

    code = "not_correctable"


class UnknownRow(Refused):
    code = "unknown_row"


class RowCannotBeTicked(Refused):
    code = "row_cannot_be_ticked"


class TooMuch(Refused):
    """The ticked rows need more licences than the pool has."""

    code = "too_much"


class NothingArrived(Refused):
    """No awaited school of the import is in the directory yet, or another member acted first."""

    code = "nothing_arrived"


class LotEnded(Refused):
    """The pool is closed: another one must be chosen."""

    code = "lot_ended"


class CannotAwait(Refused):
    """The school of the row is known, or the row has no UAI to wait for."""

    code = "cannot_await"


class CannotSettle(Refused):
    """The row has no conflict, or this does not resolve it."""

    code = "cannot_settle"
