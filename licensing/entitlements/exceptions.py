"""Errors of the operations on keys, subscriptions and seats."""

from core.cells import Cell
from core.exceptions import DomainError, TooManyTries
from schools.models import School


class UnknownKey(DomainError):
    """The code is well formed, and no key has it."""

    code = "unknown_key"


class KeyOfAnotherCell(UnknownKey):
    """No key here has the code, and its prefix is one of another cell."""

    code = "key_of_another_cell"

    def __init__(self, sentence: str, cell: Cell) -> None:
        super().__init__(sentence)
        self.cell = cell


class SchoolNotChosen(DomainError):
    """The key is meant for `school`; the principal has none from the directory, and may choose it."""

    code = "school_not_chosen"

    def __init__(self, sentence: str, school: School | None) -> None:
        super().__init__(sentence)
        self.school = school


class KeyAlreadyRedeemed(DomainError):
    """The key was redeemed before."""

    code = "already_redeemed"


class NoSeatLeft(DomainError):
    """Every seat of the subscription is held."""

    code = "no_seat_left"


class AlreadyHoldsSeat(DomainError):
    """The teacher already holds a seat of this subscription."""

    code = "already_served"


class SubscriptionNotAdministered(DomainError):
    """The user does not administer the subscription."""

    code = "not_owner"


class UndoTooLate(DomainError):
    """The assignment cannot be undone any more: seconds have passed, or somebody else acted since."""

    code = "undo_too_late"


class TooManyGuesses(TooManyTries):
    """Too many keys that do not exist were tried by this account, or from this address."""


class LicencesInUse(DomainError):
    """More licences would be taken back than are left unused."""

    code = "licences_in_use"
