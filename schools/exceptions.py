"""Errors of reading files of schools and of verifying principals: a stable code, and the French sentence."""

from core.exceptions import DomainError, TooManyTries


class TooManyVerificationRequests(TooManyTries):
    code = "requested_too_often"


class PrincipalLinkExpired(DomainError):
    """Used, expired or unknown: the message does not tell which."""

    code = "verification_link_invalid"

    def __init__(self) -> None:
        super().__init__(
            "Ce lien n'est plus valable : il a déjà servi, a plus de sept jours, ou la personne n'en a plus besoin. "
            "Au besoin, elle peut en demander un autre depuis « Mon compte »."
        )


class PrincipalsChanged(DomainError):
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
