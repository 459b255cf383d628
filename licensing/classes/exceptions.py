"""Exceptions of operations on classes and of pupils' sign-in.

Messages to pupils, who are six, use short sentences.
"""

from __future__ import annotations

from licensing.exceptions import Refused


class NotYours(Refused):
    """The user does not teach the class or hold the seat; whether it exists is not revealed."""

    code = "not_yours"


class NotTheHolder(Refused):
    """Only the holder of the seat may share the class."""

    code = "not_the_holder"


class LicenceNotRunning(Refused):
    """The licence of the class has ended, is suspended, or its provisional period has lapsed.

    `reason` says which: `licence_ended`, `licence_suspended`, `provisional_over`.
    """

    code = "licence_not_running"

    def __init__(self, sentence: str, reason: str) -> None:
        super().__init__(sentence)
        self.reason = reason


class BadName(Refused):
    """The name is empty, longer than 60 characters, or not printable."""

    code = "bad_name"


class ClassFull(Refused):
    """More accounts were requested than numbers are free; none was created."""

    code = "class_full"


class BadCount(Refused):
    """The requested number of accounts is out of range."""

    code = "bad_count"


class NoSuchPupil(Refused):
    """No pupil of the class has the number: the page was stale."""

    code = "no_such_pupil"


class AlreadyShared(Refused):
    """The class already has a second teacher, the maximum."""

    code = "already_shared"


class NoInvitation(Refused):
    """The user has no valid invitation: it expired after a week, was withdrawn, or the seat changed hands."""

    code = "no_invitation"


class TooManyInvitations(Refused):
    """The account exceeded the rate limit on invitations, which could be used to probe usernames."""

    code = "too_many_invitations"

    def __init__(self, sentence: str, retry_after: int) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class WrongCredentials(Refused):
    """No pupil has this login and password; which of the two is wrong is not revealed."""

    code = "wrong_credentials"


class PupilLocked(Refused):
    """Too many wrong passwords for this login; the teacher can unlock it."""

    code = "pupil_locked"


class ClassLocked(Refused):
    """Too many wrong passwords in the class; the teacher can unlock it."""

    code = "class_locked"


class ClassClosed(Refused):
    """The password is correct, but the class is not accessible now.

    `reason` says why: `no_teacher`, or as in `LicenceNotRunning`.
    """

    code = "class_closed"

    def __init__(self, sentence: str, reason: str) -> None:
        super().__init__(sentence)
        self.reason = reason


class TooManyTries(Refused):
    """Too many failed attempts from one network, over all classes."""

    code = "too_many_tries"

    def __init__(self, sentence: str, retry_after: int) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after
