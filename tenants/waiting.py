"""Waiting for locks, briefly: opening an office takes locks on tables that redemptions write to."""

from __future__ import annotations

import contextlib
import random
import time
from typing import TYPE_CHECKING

from django.db import OperationalError, connection, transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

#: Milliseconds an attempt waits for a lock. Less than PostgreSQL's `deadlock_timeout` of a second, so that where an
#: opening and a redemption wait for each other, it is the opening that gives way.
LOCK_TIMEOUT = 900
#: Seconds between attempts; after the last the work is given up.
PAUSES = (0.1, 0.3, 0.8, 1.5)

_LOCKED_OUT = {"55P03", "40P01"}  # lock_not_available, deadlock_detected


class LockedOut(Exception):
    """Every attempt met a lock that was not released in time; nothing was done."""


def is_a_lock(error: BaseException) -> bool:
    """Tell whether a database error says that a lock was not to be had."""
    return getattr(error.__cause__, "sqlstate", None) in _LOCKED_OUT


@contextlib.contextmanager
def brief_locks(milliseconds: int | None = None) -> Iterator[None]:
    """Let no statement of the block wait longer for a lock. Inside a transaction; other statements keep theirs."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('lock_timeout')")
        (before,) = cursor.fetchone()
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{milliseconds or LOCK_TIMEOUT}ms"])
    yield
    # Not in a `finally`: after an error the rollback restores it.
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [before])


@contextlib.contextmanager
def session_lock_timeout(milliseconds: int | None = None) -> Iterator[None]:
    """The same for several transactions in a row: migrations, each of which is one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", [f"{milliseconds or LOCK_TIMEOUT}ms"])
    try:
        yield
    finally:
        if not connection.needs_rollback:  # else the rollback restores it
            with connection.cursor() as cursor:
                cursor.execute("RESET lock_timeout")


def patiently[T](work: Callable[[], T], *, pauses: Sequence[float] = PAUSES) -> T:
    """Run `work` in a transaction whose waits for locks are brief; again after a pause where it was locked out.

    Raises `LockedOut` when the last attempt was locked out too.
    """
    for pause in [*pauses, None]:
        try:
            with transaction.atomic(), brief_locks():
                return work()
        except OperationalError as error:
            if not is_a_lock(error):
                raise
            if pause is None:
                raise LockedOut from error
        # Two openings that met must not meet again.
        time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - no secret hangs on it
    raise AssertionError("unreachable: the last attempt returns or raises")
