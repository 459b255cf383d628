"""What imports refuse. Each says what happened and what can be done."""

from __future__ import annotations

from licensing.exceptions import Refused


class UnknownImport(Refused):
    code = "unknown_import"


class WrongMoment(Refused):
    """The import is not in a state that allows this: another member was faster, or it is done."""

    code = "wrong_moment"


class NothingToApply(Refused):
    code = "nothing_to_apply"


class RowsInError(Refused):
    """Rows that cannot be applied are left, and nobody said to apply the others without them."""

    code = "rows_in_error"


class Braked(Refused):
    """What would be done is out of proportion, and the number that says that it is meant was not typed."""

    code = "brake"


class Outdated(Refused):
    """What would be done is no longer what was shown."""

    code = "outdated"


class PoolMissing(Refused):
    """Licences are drawn from a lot: an attribution without one gives none."""

    code = "pool_missing"


class PoolNotOpen(Refused):
    """The lot is none of the collectivity's, has ended, or has nothing left."""

    code = "pool_not_open"


class WrongVolume(Refused):
    """What says how many licences, and the one number for all, do not go together."""

    code = "wrong_volume"


class RemitGivesNothing(Refused):
    """A table for the remit draws from no lot, gives no licence and writes to nobody."""

    code = "remit_gives_nothing"


class EmptyFile(Refused):
    code = "empty_file"


class NotCorrectable(Refused):
    """The column is none of those that are corrected in such a table."""

    code = "not_correctable"


class UnknownRow(Refused):
    code = "unknown_row"


class RowCannotBeTicked(Refused):
    code = "row_cannot_be_ticked"


class TooMuch(Refused):
    """The ticked rows ask for more than the lot has."""

    code = "too_much"


class NothingArrived(Refused):
    """No school that the import waits for is in the directory, or another member was faster."""

    code = "nothing_arrived"


class LotEnded(Refused):
    """The lot gives nothing any more: another one is to be chosen."""

    code = "lot_ended"


class CannotAwait(Refused):
    """The row's school is known, or there is no UAI to wait for."""

    code = "cannot_await"


class CannotSettle(Refused):
    """The row is in no conflict, or this does not settle it."""

    code = "cannot_settle"
