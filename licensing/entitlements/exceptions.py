"""Errors of the operations on keys, subscriptions and seats."""

from __future__ import annotations

from core.cells import Cell
from licensing.exceptions import LicensingError
from schools.models import School


class MistypedKey(LicensingError):
    """The text cannot be a key; nothing was looked up."""

    code = "typo"


class UnknownKey(LicensingError):
    """The code is well formed, and no key has it."""

    code = "unknown_key"


class KeyOfAnotherCell(UnknownKey):
    """No key here has the code, and its prefix is one of another cell."""

    code = "key_of_another_cell"

    def __init__(self, sentence: str, cell: Cell) -> None:
        super().__init__(sentence)
        self.cell = cell


class KeyRevoked(LicensingError):
    """The collectivity revoked the key before it was redeemed."""

    code = "key_revoked"


class KeyExpired(LicensingError):
    """The last day of the licences has passed in Paris, or their order was cancelled."""

    code = "key_expired"


class KeySuspended(LicensingError):
    """The licences are suspended until the purchase order or the payment is received."""

    code = "key_suspended"


class KeyOfAnotherSchool(LicensingError):
    """The key is meant for a school that the principal is not affiliated with."""

    code = "key_of_another_school"


class SchoolNotChosen(LicensingError):
    """The key is meant for `school`; the principal has none from the directory, and may choose it."""

    code = "school_not_chosen"

    def __init__(self, sentence: str, school: School | None) -> None:
        super().__init__(sentence)
        self.school = school


class KeyAlreadyRedeemed(LicensingError):
    """The key was redeemed before."""

    code = "already_redeemed"


class MailboxNotProven(LicensingError):
    """The link of the key's e-mail proves no mailbox: it expired, or the e-mail went to another address since."""

    code = "mailbox_not_proven"


class NotYetRedeemed(LicensingError):
    """A teacher types a key that no principal has redeemed."""

    code = "not_yet_redeemed"


class NoSeatLeft(LicensingError):
    """Every seat of the subscription is held."""

    code = "no_seat_left"


class NoTeacherSelected(LicensingError):
    """No teacher was selected."""

    code = "no_teacher_selected"


class AlreadyHoldsSeat(LicensingError):
    """The teacher already holds a seat of this subscription."""

    code = "already_served"


class WithdrawnFromTeacher(LicensingError):
    """The principal withdrew a seat from this teacher, who may not claim another."""

    code = "withdrawn"


class SubscriptionNotAdministered(LicensingError):
    """The user does not administer the subscription."""

    code = "not_owner"


class PrincipalNotVerified(LicensingError):
    """The principal is not verified for the school: its list of teachers is closed to them."""

    code = "not_verified"


class TeacherOfAnotherSchool(LicensingError):
    """The teacher is not affiliated with the subscription's school: they have to type the key themselves."""

    code = "teacher_of_another_school"


class SeatHasChangedHands(LicensingError):
    """The seat is no longer held by the expected teacher: the page was stale."""

    code = "seat_reassigned"


class UndoTooLate(LicensingError):
    """The assignment cannot be undone any more: seconds have passed, or somebody else acted since."""

    code = "undo_too_late"


class NotForThisProfile(LicensingError):
    """The profile of the account does not use keys."""

    code = "not_for_this_profile"


class TooManyGuesses(LicensingError):
    """Too many keys that do not exist were tried by this account, or from this address."""

    code = "too_many_attempts"

    def __init__(self, sentence: str, retry_after: int) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class LicencesInUse(LicensingError):
    """More licences would be taken back than are left unused."""

    code = "licences_in_use"
