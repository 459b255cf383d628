"""The clock of the simulated year: what this process takes for the present."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable, Iterator
from unittest import mock

from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.utils import timezone

from core.connections import DatabaseClock
from licensing.classes.passwords import PupilHasher


class YearClock:
    """The time of the simulation: called, it returns the moment to which it was moved."""

    def __init__(self, at: datetime.datetime) -> None:
        self.at = at

    def __call__(self) -> datetime.datetime:
        """Return the moment, aware."""
        return self.at

    def move_to(self, moment: datetime.datetime) -> None:
        """Move on to a moment; one that has passed changes nothing."""
        self.at = max(self.at, moment)


def _tell(clock: YearClock) -> Callable[[DatabaseClock], datetime.datetime]:
    def tell(_: DatabaseClock) -> datetime.datetime:
        return clock.at

    return tell


@contextlib.contextmanager
def simulated_time(clock: YearClock) -> Iterator[None]:
    """Have this process take the clock's time for the present until the block ends.

    PostgreSQL's own `now()` stays the real time: so the simulated year lies in the past (docs/decisions/0153). People's
    passwords are hashed once: each of thousands would take half a second.
    """
    with (
        mock.patch.object(timezone, "now", clock),
        mock.patch.object(DatabaseClock, "__init__", return_value=None),
        mock.patch.object(DatabaseClock, "__call__", _tell(clock)),
        mock.patch.object(PBKDF2PasswordHasher, "iterations", 1),
        mock.patch.object(PupilHasher, "iterations", 1),
    ):
        yield
