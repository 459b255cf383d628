"""The database connection, typed as the tenant's: that of the tables' owner, one that is lost; the database's clock."""

import contextlib
import datetime
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

from django.conf import settings
from django.core.management.base import CommandError
from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connections
from django.db import connection as default_connection
from django.db.utils import ConnectionHandler
from django_tenants.postgresql_backend.base import DatabaseWrapper


class OwnerUnknown(CommandError):
    """`OWNER_DATABASE_URL` is not set. The message says what was to be done, in French."""


def is_owner_connected() -> bool:
    """Return whether this thread's connection is the owner's."""
    owner = settings.DATABASE_OWNER
    return owner is not None and connections[DEFAULT_DB_ALIAS].settings_dict["USER"] == owner["USER"]


@contextlib.contextmanager
def connected_as_owner(what: str, *, database: str = "") -> Iterator[None]:
    """Let this thread's statements go through a connection of the owner for the block; to another database if named.

    `what`: what it is needed for, in French. Raises `OwnerUnknown`.
    """
    if is_owner_connected() and not database:
        yield
        return
    if settings.DATABASE_OWNER is None:
        raise OwnerUnknown(
            f"{what} demande le propriétaire des tables, que l'application n'est pas : "
            "indiquez son adresse dans OWNER_DATABASE_URL (docs/deploy.md)."
        )
    with connected_as(settings.DATABASE_OWNER, database=database):
        yield


@contextlib.contextmanager
def connected_as(role: dict[str, Any], *, database: str = "") -> Iterator[None]:
    """Let this thread's statements go through a connection of a role for the block: to the same database, or another.

    `role`: Django's connection settings.
    """
    usual = connections[DEFAULT_DB_ALIAS]
    # The name of the database is the connection's: tests and benches lead it to their own.
    name = database or usual.settings_dict["NAME"]
    own = ConnectionHandler({DEFAULT_DB_ALIAS: usual.settings_dict | role | {"NAME": name}})
    connections[DEFAULT_DB_ALIAS] = own[DEFAULT_DB_ALIAS]
    try:
        yield
    finally:
        own.close_all()
        connections[DEFAULT_DB_ALIAS] = usual


#: Django's connection of the current thread, under the type of the backend that settings name.
connection = cast("DatabaseWrapper", default_connection)


logger = logging.getLogger(__name__)

#: Waits before each new try while the database is away: a minute in all, and soon after it is back.
_RETRY_DELAYS = (0.1, 0.4, 1.0, *[2.0] * 29)


def retry_on_lost_database[Result](write: Callable[[], Result]) -> Result:
    """Return what `write` returns; over a new connection, again and again for a minute, where the database's is lost.

    For what a server outside has answered: unrecorded, it would be sent a second time. It must be harmless to repeat.
    Raises the last error, and the first inside a transaction.
    """
    for delay in _RETRY_DELAYS:
        try:
            return write()
        except (OperationalError, InterfaceError):
            if connection.in_atomic_block:
                raise
            logger.warning("What became of a sending could not be recorded; trying again in %s s", delay)
            connection.close()
            time.sleep(delay)
    return write()


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
