"""Errors of the office's operations: a stable code, and the French sentence shown to the user."""

from collections.abc import Sequence
from typing import NamedTuple

from core.exceptions import DomainError
from core.formatting import pluralize
from schools.wording import mask_email


class InvalidAddress(DomainError):
    code = "invalid_address"


class LastManager(DomainError):
    """The office would be left without a manager."""

    code = "last_manager"


class SecondFactorFirst(DomainError):
    """Only a manager who has a second factor may require one of all managers."""

    code = "second_factor_required"


class InvitationGone(DomainError):
    """Used, withdrawn, expired or unknown: the message does not tell which."""

    code = "invitation_invalid"

    def __init__(self) -> None:
        super().__init__(
            "Cette invitation n'est plus valable : elle a déjà servi, a été retirée ou a plus de quatorze jours. "
            "Demandez-en une autre à un gestionnaire de la collectivité."
        )


class InvitedAtAnotherAddress(DomainError):
    """The account has not confirmed the address that was invited. Masked: an invitation may be forwarded."""

    code = "invited_at_another_address"

    def __init__(self, address: str) -> None:
        super().__init__(
            f"Cette invitation est adressée à {mask_email(address)} : seul un compte qui a confirmé cette adresse peut "
            "l'accepter."
        )


class VisitRefused(DomainError):
    """The operator may not open the office, or not by this link."""

    code = "visit_refused"


class InvalidLogo(DomainError):
    """The file cannot become a logo. `field` is that of the settings' form."""

    code = "invalid_logo"
    field = "logo"


class NotInPortfolio(DomainError):
    code = "not_in_portfolio"


class PortfolioRowError(NamedTuple):
    """An error in one row of a list: index of the row from 0, field, stable code, French sentence."""

    row: int
    field: str
    code: str
    sentence: str


class InvalidRows(DomainError):
    """Some rows of a list are invalid and nothing was written; `errors` lists all errors."""

    code = "rows_rejected"

    def __init__(self, errors: Sequence[PortfolioRowError]) -> None:
        rows = len({error.row for error in errors})
        super().__init__(
            f"{pluralize(rows, 'ligne est refusée', 'lignes sont refusées')} : rien n'a été fait. Corrigez la liste,"
            " puis renvoyez-la."
        )
        self.errors = errors
