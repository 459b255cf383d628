"""Errors of reading files of schools: a stable code, and the French sentence shown to the user."""

from __future__ import annotations


class DirectoryRefused(Exception):
    """The file is unusable, or its changes need confirmation. Nothing was written."""

    code = "directory_rejected"


class SynchronisationInProgress(DirectoryRefused):
    """Another synchronisation is running."""

    code = "synchronisation_in_progress"


class TooManyClosures(DirectoryRefused):
    """A full file would close so many schools that confirmation is required."""

    code = "too_many_closures"


class OutlinesRefused(Exception):
    """The file holds no outline that can be read. Nothing was written."""

    code = "outlines_rejected"


class CalendarRefused(Exception):
    """The file holds no holidays that can be read. Nothing was written."""

    code = "calendar_rejected"
