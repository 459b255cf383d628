"""What may be refused to a teacher about a class, and to a pupil who signs in.

Teachers read whole sentences; pupils, who are six, short ones.
"""

from __future__ import annotations

from licensing.exceptions import Refused


class NotYours(Refused):
    """Not a class that this person teaches, or not a seat that he holds; whether it exists is not told."""

    code = "not_yours"


class NotTheHolder(Refused):
    """Only who holds the licence decides whom the class is shared with."""

    code = "not_the_holder"


class LicenceNotRunning(Refused):
    """The licence that the class hangs on is over, suspended, or its provisional rights have run out.

    `reason` says which: `licence_ended`, `licence_suspended`, `provisional_over`.
    """

    code = "licence_not_running"

    def __init__(self, sentence: str, reason: str) -> None:
        super().__init__(sentence)
        self.reason = reason


class BadName(Refused):
    """A class needs a name, of at most sixty characters."""

    code = "bad_name"


class ClassFull(Refused):
    """More accounts were asked for than numbers are free; none was made."""

    code = "class_full"


class BadCount(Refused):
    """Not a number of accounts that can be made."""

    code = "bad_count"


class NoSuchPupil(Refused):
    """No pupil of the class has the number: the page was old."""

    code = "no_such_pupil"


class AlreadyShared(Refused):
    """A second teacher is in the class: two is the most."""

    code = "already_shared"


class NoInvitation(Refused):
    """Nobody who holds the licence now invites this person to the class; or a week has passed."""

    code = "no_invitation"


class TooManyInvitations(Refused):
    """This account invited too often: identifiants could be tried that way."""

    code = "too_many_invitations"

    def __init__(self, sentence: str, retry_after: int) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class WrongCredentials(Refused):
    """No pupil has this login and this password; which of the two is wrong is not told."""

    code = "wrong_credentials"


class PupilLocked(Refused):
    """Too many wrong passwords for this login; the teacher unlocks it."""

    code = "pupil_locked"


class ClassLocked(Refused):
    """Too many wrong passwords in the class; the teacher opens it again."""

    code = "class_locked"


class ClassClosed(Refused):
    """The right password, but the class gives no access now.

    `reason` says why: `no_teacher`, or as in `LicenceNotRunning`.
    """

    code = "class_closed"

    def __init__(self, sentence: str, reason: str) -> None:
        super().__init__(sentence)
        self.reason = reason


class TooManyTries(Refused):
    """Too many wrong tries from one network, over all classes."""

    code = "too_many_tries"

    def __init__(self, sentence: str, retry_after: int) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after
