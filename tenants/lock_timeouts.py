"""A lock timeout for migrations: they take locks on tables that requests read and write."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Milliseconds that an attempt waits for a lock. Below PostgreSQL's `deadlock_timeout` of a second, so that in a
#: deadlock of a migration and a redemption the migration is the one aborted.
LOCK_TIMEOUT = 900

_LOCK_ERRORS = {"55P03", "40P01"}  # lock_not_available, deadlock_detected


def is_lock_error(error: BaseException) -> bool:
    """Return whether a database error is a lock timeout or a deadlock."""
    return getattr(error.__cause__, "sqlstate", None) in _LOCK_ERRORS


@contextlib.contextmanager
def session_lock_timeout(milliseconds: int | None = None) -> Iterator[None]:
    """Set `lock_timeout` for several transactions in a row, such as migrations."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", [f"{milliseconds or LOCK_TIMEOUT}ms"])
    try:
        yield
    finally:
        if not connection.needs_rollback:  # else the rollback restores it
            with connection.cursor() as cursor:
                cursor.execute("RESET lock_timeout")
