"""Refusals of the office's operations: a stable code, and the French sentence that is shown as it stands."""

from __future__ import annotations

from web import refused


class Refused(refused.Refused):
    """A rule of the office says no."""


class InvalidAddress(Refused):
    code = "invalid_address"


class InvalidRoles(Refused):
    code = "invalid_roles"


class LastManager(Refused):
    """The office would be left without anybody who can invite and apply."""

    code = "last_manager"


class NotAMember(Refused):
    code = "not_a_member"


class SecondFactorFirst(Refused):
    """Whoever asks something of all managers has it himself."""

    code = "second_factor_first"


class InvitationGone(Refused):
    """Used, withdrawn, expired, or never made: whoever holds the link is told the same."""

    code = "invitation_gone"

    def __init__(self) -> None:
        super().__init__(
            "Cette invitation n'est plus valable : elle a déjà servi, a été retirée ou a plus de quatorze jours. "
            "Demandez-en une autre à un gestionnaire de la collectivité."
        )


class InvalidLogo(Refused):
    code = "invalid_logo"


class NotInRemit(Refused):
    code = "not_in_remit"


class InvalidContact(Refused):
    code = "invalid_contact"


class AlreadyDecided(Refused):
    code = "already_decided"
