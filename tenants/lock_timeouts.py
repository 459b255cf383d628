"""Lock timeouts with retry: migrations lock tables of offices that are served meanwhile."""

import contextlib
import random
import time
from collections.abc import Callable, Iterator

from django.db import OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg import sql

#: Milliseconds that an attempt waits for a lock. Below PostgreSQL's `deadlock_timeout` of a second, so that in a
#: deadlock of a migration and a request the migration is the one aborted.
LOCK_TIMEOUT = 900
#: Seconds between attempts.
RETRY_DELAYS = (0.1, 0.3, 0.8, 1.5)

_LOCK_ERRORS = {"55P03", "40P01"}  # lock_not_available, deadlock_detected


class LockUnavailable(Exception):
    """No attempt got its locks in time; nothing was changed."""


def is_lock_error(error: BaseException) -> bool:
    """Return whether a database error is a lock timeout or a deadlock."""
    return getattr(error.__cause__, "sqlstate", None) in _LOCK_ERRORS


@contextlib.contextmanager
def session_lock_timeout() -> Iterator[None]:
    """Set `lock_timeout` for several transactions in a row, such as migrations."""
    set_session_lock_timeout()
    try:
        yield
    finally:
        if not connection.needs_rollback:  # else the rollback restores it
            with connection.cursor() as cursor:
                cursor.execute("RESET lock_timeout")


def set_session_lock_timeout(milliseconds: int = LOCK_TIMEOUT) -> None:
    """Set `lock_timeout` for the session's next statements; 0: wait without a limit."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", [f"{milliseconds}ms"])


def set_transaction_lock_timeout(cursor: CursorWrapper, milliseconds: int) -> None:
    """Set `lock_timeout` for the rest of the cursor's transaction, on the nodes of a cluster as well."""
    # By SET LOCAL, which a cluster passes on to its nodes where it is told to; elsewhere nobody reads the setting.
    cursor.execute("SET LOCAL citus.propagate_set_commands = 'local'")
    cursor.execute(f"SET LOCAL lock_timeout = '{milliseconds}ms'")


def retry_on_lock[T](work: Callable[[], T], *, in_transaction: bool = True) -> T:
    """Run `work` in a transaction with a short lock timeout; retry after a pause where a lock was not available.

    Without `in_transaction`, work is one statement that refuses to be in one, or that commits by itself. Raises
    `LockUnavailable` where the last attempt fails too.
    """
    for pause in [*RETRY_DELAYS, None]:
        try:
            with _transaction_with_timeout() if in_transaction else session_lock_timeout():
                return work()
        except OperationalError as error:
            if not is_lock_error(error):
                raise
            if pause is None:
                attempts = len(RETRY_DELAYS) + 1
                raise LockUnavailable(f"verrou non obtenu en {attempts} essais : {str(error).strip()}") from error
        # Jitter, so that two connections that collided do not collide again.
        time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - not cryptographic
    raise AssertionError("unreachable: the last attempt returns or raises")


@contextlib.contextmanager
def _transaction_with_timeout() -> Iterator[None]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('lock_timeout')")
        (before,) = cursor.fetchone()
        set_transaction_lock_timeout(cursor, LOCK_TIMEOUT)
        yield
        # For a transaction around this one. Not in a `finally`: after an error, the rollback restores it.
        cursor.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(before))
