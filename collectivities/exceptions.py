"""Errors of the office's operations: a stable code, and the French sentence shown to the user."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from web import refused
from web.typography import plural

if TYPE_CHECKING:
    from collections.abc import Sequence


class Refused(refused.Refused):
    """Base of the errors of the office's operations."""


class InvalidAddress(Refused):
    code = "invalid_address"


class InvalidRoles(Refused):
    code = "invalid_roles"


class LastManager(Refused):
    """The office would be left without a manager."""

    code = "last_manager"


class NotAMember(Refused):
    code = "not_a_member"


class SecondFactorFirst(Refused):
    """Only a manager who has a second factor may require one of all managers."""

    code = "second_factor_first"


class InvitationGone(Refused):
    """Used, withdrawn, expired or unknown: the message does not tell which."""

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


class UnknownSchool(Refused):
    code = "unknown_school"


class RowFault(NamedTuple):
    """An error in one row of a list: index of the row from 0, field, stable code, French sentence."""

    row: int
    field: str
    code: str
    sentence: str


class WrongRows(Refused):
    """Some rows of a list are invalid and nothing was written; `faults` lists all errors."""

    code = "wrong_rows"

    def __init__(self, faults: Sequence[RowFault]) -> None:
        rows = len({fault.row for fault in faults})
        super().__init__(
            f"{plural(rows, 'ligne est refusée', 'lignes sont refusées')} : rien n'a été fait. Corrigez la liste, puis "
            "renvoyez-la."
        )
        self.faults = faults


class UnknownToken(Refused):
    code = "unknown_token"


class AlreadyDecided(Refused):
    code = "already_decided"
