"""What the bulk operations pass on: demands, their checks and outcomes, and the progress of a running transaction."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from licensing.pools import checks


class Demand(NamedTuple):
    """Units for one school. With `total`, `units` is the resulting total instead of an addition.

    `asked`: how many its school had asked for, where this answers it; `is_moved`: whether a rebalancing gives them. The
    letter says so.
    """

    uai: str
    units: int
    recipient: str
    total: bool = False
    asked: int = 0
    is_moved: bool = False


class TargetSchool(NamedTuple):
    """A school to allocate to: its columns in the directory."""

    uai: str
    name: str
    mailbox: str
    state: str


class ExistingAllocation(NamedTuple):
    """The allocation that a school already has from the pool."""

    allocation_id: int
    key_id: int
    units: int
    recipient: str


class CheckedDemand(NamedTuple):
    """A checked demand: units to add to the school's allocation, or to a new one."""

    demand: Demand
    school: TargetSchool
    added: int
    existing: ExistingAllocation | None

    @property
    def exposes_key(self) -> bool:
        """Whether somebody besides the school's official mailbox will know the key."""
        return not checks.is_official_mailbox(self.demand.recipient, self.school.mailbox)


@dataclass(frozen=True, slots=True)
class AllocationOutcome:
    """Result of applying demands: the allocation of each school, and totals."""

    #: Primary keys by UAI, including schools that had their total already.
    allocations: dict[str, int]
    units: int
    created: int
    grown: int
    unchanged: int


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

    def __call__(self, stage: str, done: int, total: int, /) -> None:
        """Report that `stage` begins, and that `done` of `total` schools have passed the previous one."""


def no_progress(_stage: str, _done: int, _total: int, /) -> None:
    """Ignore progress."""
