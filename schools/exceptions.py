"""Errors of reading files of schools and of verifying principals: a stable code, and the French sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schools.directory.operations import SyncReport


class DirectoryRefused(Exception):
    """The file is unusable, or its changes need confirmation. Nothing was written."""

    code = "directory_rejected"


class SynchronisationInProgress(DirectoryRefused):
    """Another synchronisation is running."""

    code = "synchronisation_in_progress"


class ConfirmationNeeded(DirectoryRefused):
    """The file is readable, but changes so much, or is so unlike the one before, that somebody must agree."""

    code = "confirmation_needed"

    def __init__(self, sentence: str, report: SyncReport) -> None:
        super().__init__(sentence)
        #: What the file would change.
        self.report = report


class TooManyClosures(ConfirmationNeeded):
    """A full file would close so many schools that confirmation is required."""

    code = "too_many_closures"


class DownloadFailed(DirectoryRefused):
    """The file could not be downloaded, or not wholly."""

    code = "download_failed"


class OutlinesRefused(Exception):
    """The file holds no outline that can be read. Nothing was written."""

    code = "outlines_rejected"


class CalendarRefused(Exception):
    """The file holds no holidays that can be read. Nothing was written."""

    code = "calendar_rejected"
