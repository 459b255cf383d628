"""Errors of reading files of schools and of verifying principals: a stable code, and the French sentence."""

from __future__ import annotations

from typing import ClassVar


class PrincipalError(Exception):
    """Base of the errors of principal verification. Nothing was changed."""

    code: ClassVar[str] = "principal_error"


class NotAPrincipal(PrincipalError):
    code = "not_a_principal"


class NoChosenSchool(PrincipalError):
    """The school is hand-typed, or not one of the user's."""

    code = "no_chosen_school"


class AlreadyVerified(PrincipalError):
    code = "already_verified"


class NoMailbox(PrincipalError):
    """The directory has no e-mail address of the school."""

    code = "no_mailbox"


class NothingToLead(PrincipalError):
    """The school has neither a subscription nor a verified principal: there is nothing to manage."""

    code = "nothing_to_lead"


class TooManyVerificationRequests(PrincipalError):
    code = "requested_too_often"

    def __init__(self, sentence: str, retry_after: int) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class PrincipalLinkExpired(PrincipalError):
    """Used, expired or unknown: the message does not tell which."""

    code = "verification_link_invalid"

    def __init__(self) -> None:
        super().__init__(
            "Ce lien n'est plus valable : il a déjà servi, a plus de sept jours, ou la personne n'en a plus besoin. "
            "Au besoin, elle peut en demander un autre depuis « Mon compte »."
        )


class PrincipalsChanged(PrincipalError):
    """The school's verified principals changed since the page was shown."""

    code = "principals_changed"

    def __init__(self) -> None:
        super().__init__(
            "La direction de l'établissement a changé entre-temps : relisez la page, puis confirmez de nouveau."
        )


class DirectoryRefused(Exception):
    """The file is unusable, or its changes need confirmation. Nothing was written."""

    code = "directory_rejected"


class SynchronisationInProgress(DirectoryRefused):
    """Another synchronisation is running."""

    code = "synchronisation_in_progress"


class DownloadFailed(DirectoryRefused):
    """The file could not be downloaded, or not wholly."""

    code = "download_failed"


class OutlinesRefused(Exception):
    """The file holds no outline that can be read. Nothing was written."""

    code = "outlines_rejected"


class CalendarRefused(Exception):
    """The file holds no holidays that can be read. Nothing was written."""

    code = "calendar_rejected"
