"""Exceptions of operations on classes and of pupils' sign-in.

Messages to pupils, who are six, use short sentences.
"""

from core.exceptions import DomainError, TooManyTries


class ClassNotTaught(DomainError):
    """The user does not teach the class or hold the seat; whether it exists is not revealed."""

    code = "not_owner"


class CannotCarryOn(DomainError):
    """The class cannot go to that seat: another school or year, not yet, no more, or it has a class already."""

    code = "cannot_carry_on"


class CannotHandOver(DomainError):
    """The pupils cannot be handed over: no school that a colleague could share, or they are already."""

    code = "cannot_hand_over"


class UnknownHandover(DomainError):
    """No pending handover of the user's school has the code; whether one of another school has it is not revealed."""

    code = "unknown_handover"


class HandoverEnded(DomainError):
    """The pupils were received already, or the code has expired."""

    code = "handover_ended"


class ClassFull(DomainError):
    """More accounts were requested than numbers are free; none was created."""

    code = "class_full"


class InvalidPupilCount(DomainError):
    """The requested number of accounts is out of range."""

    code = "invalid_count"


class NoSuchPupil(DomainError):
    """No pupil of the class has the number: the page was stale."""

    code = "unknown_pupil"


class NoInvitation(DomainError):
    """The user has no valid invitation: it expired after a week, was withdrawn, or the seat changed hands."""

    code = "no_invitation"


class TooManyInvitations(TooManyTries):
    """The account exceeded the rate limit on invitations, which could be used to probe usernames."""

    code = "too_many_invitations"


class TooManyHandoverCodes(TooManyTries):
    """Too many codes that do not exist were typed."""

    code = "too_many_codes"


class WrongCredentials(DomainError):
    """No pupil has this login and password; which of the two is wrong is not revealed."""

    code = "wrong_credentials"


class TooManyAttempts(TooManyTries):
    """The login, the device or the network has to wait after failed attempts."""
