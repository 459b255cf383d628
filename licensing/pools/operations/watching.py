"""How somebody follows a large operation while its transaction runs, and stops it."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol


class Stage(StrEnum):
    """What an operation on many schools does, in this order."""

    CHECKING = "checking"
    TAKING_BACK = "taking_back"
    KEYS = "keys"
    ALLOCATIONS = "allocations"
    JOURNAL = "journal"
    MESSAGES = "messages"
    COMMITTING = "committing"


class Watch(Protocol):
    """Called before each stage. What it raises ends the operation, which then has changed nothing."""

    def __call__(self, step: str, done: int, total: int, /) -> None:
        """Learn that `step` begins, and that `done` of `total` schools have passed the one before."""


def unwatched(_step: str, _done: int, _total: int, /) -> None:
    """Watch nothing."""
