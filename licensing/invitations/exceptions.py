"""Refusals of the operations on teachers' invitations."""

from __future__ import annotations

from collections.abc import Sequence

from core.exceptions import DomainError
from licensing.invitations.address_list import BadLine


class BadAddresses(DomainError):
    """Some lines hold no valid address; nobody was invited. `lines`: which; `understood`: the people of others."""

    code = "bad_addresses"

    def __init__(self, sentence: str, lines: Sequence[BadLine], understood: int) -> None:
        super().__init__(sentence)
        self.lines, self.understood = lines, understood


class TooManyTeachersInvited(DomainError):
    """The limit of letters per principal, or per school, is reached."""

    code = "too_many_letters"

    def __init__(self, sentence: str, retry_after: int) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class InvitationEnded(DomainError):
    """A principal acts on an invitation that was accepted, recalled or has expired."""

    code = "invitation_ended"


class InvitationRefused(DomainError):
    """The link of an invitation opens nothing: the page says why."""

    code = "invitation_refused"


class UnknownInvitation(InvitationRefused):
    """No invitation has this token."""

    code = "unknown_invitation"


class InvitationSpent(InvitationRefused):
    """The invitation was accepted, or the person holds a licence of the subscription."""

    code = "invitation_spent"


class InvitationRecalled(InvitationRefused):
    """A principal took the invitation back."""

    code = "invitation_recalled"


class InvitationExpired(InvitationRefused):
    """Its date has passed."""

    code = "invitation_expired"


class LicencesOver(InvitationRefused):
    """The licences ended, or their order was cancelled."""

    code = "licences_over"


class LicencesSuspended(InvitationRefused):
    """The licences are suspended; the invitation waits for them."""

    code = "licences_suspended"


class SchoolWithoutPrincipal(InvitationRefused):
    """Nobody is verified to lead the school any more."""

    code = "school_without_principal"


class MeantForAnotherAccount(InvitationRefused):
    """Somebody is signed in whose account is not that of the invited person."""

    code = "meant_for_another_account"
