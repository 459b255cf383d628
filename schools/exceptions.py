"""What the directory refuses. Each carries the French sentence that is shown, and a code for programs."""

from __future__ import annotations


class DirectoryRefused(Exception):
    """The file cannot be believed, or what it would do was not agreed to. Nothing was written."""

    code = "directory_refused"


class SynchronisationUnderWay(DirectoryRefused):
    """Another synchronisation is at work."""

    code = "synchronisation_under_way"


class TooManyClosures(DirectoryRefused):
    """A full file lacks so many of the open schools that somebody must say it is meant."""

    code = "too_many_closures"
