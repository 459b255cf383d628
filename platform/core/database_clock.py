"""The database's clock, for what several machines compare: leases and due times."""

from __future__ import annotations

import datetime
import time

from core.tenant_connection import connection


class DatabaseClock:
    """Tells the database's time: read once, carried on by this process's monotonic clock.

    Unlike `now()` in SQL it advances within a transaction. A machine whose clock is wrong agrees with the others.
    """

    def __init__(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            self._started_at: datetime.datetime = cursor.fetchone()[0]
        self._started = time.monotonic()

    def __call__(self) -> datetime.datetime:
        """Return the time, aware."""
        return self._started_at + datetime.timedelta(seconds=time.monotonic() - self._started)
