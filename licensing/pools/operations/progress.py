"""Progress and cancellation of bulk operations while their transaction runs."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol


class AllocationStage(StrEnum):
    """Stages of a bulk operation, in order."""

    CHECKING = "checking"
    TAKING_BACK = "taking_back"
    KEYS = "keys"
    ALLOCATIONS = "allocations"
    JOURNAL = "journal"
    MESSAGES = "messages"
    COMMITTING = "committing"


class ProgressCallback(Protocol):
    """Called before each stage. Its exceptions roll the operation back."""

    def __call__(self, step: str, done: int, total: int, /) -> None:
        """Report that stage `step` begins, and that `done` of `total` schools have passed the previous one."""


def no_progress(_step: str, _done: int, _total: int, /) -> None:
    """Ignore progress."""
