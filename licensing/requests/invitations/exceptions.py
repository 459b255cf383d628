"""Refusals of the operations on teachers' invitations."""

from collections.abc import Sequence

from core.exceptions import DomainError, Refusal, TooManyTries
from licensing.requests.invitations.address_list import BadLine


class BadAddresses(DomainError):
    """Some lines hold no valid address; nobody was invited. `lines`: which; `understood`: the people of others."""

    code = "bad_addresses"

    def __init__(self, sentence: str, lines: Sequence[BadLine], understood: int) -> None:
        super().__init__(sentence)
        self.lines, self.understood = lines, understood


class TooManyTeachersInvited(TooManyTries):
    """The limit of letters per principal, or per school, is reached."""

    code = "too_many_letters"


class InvitationRefused(Refusal):
    """The link of an invitation opens nothing: the page says why."""


class MeantForAnotherAccount(InvitationRefused):
    """Somebody is signed in whose account is not that of the invited person."""

    def __init__(self, sentence: str) -> None:
        super().__init__("meant_for_another_account", sentence)
