"""A PostgreSQL server for a look at a backup: in a folder of its own, with a socket in it, gone with the block."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
from django.conf import settings

from core import database_access
from core.database_access import DatabaseRoles, Login

_DEBIAN = Path("/usr/lib/postgresql")
# The folder is nobody else's: whoever reaches the socket is let in.
_ACCESS = "local all all trust\n"
# It archives nothing, and answers nobody before it has recovered.
_CONFIGURATION = """
listen_addresses = ''
archive_mode = off
hot_standby = off
fsync = off
max_connections = 40
max_locks_per_transaction = 1024
"""


class DrillFailed(Exception):
    """The backup could not be restored, or what was restored is not sound. The message says why, in French."""


def find_programs(folder: str, *, version: str = "*") -> Path:
    """Return the folder of initdb and pg_ctl: as named, else the newest of Debian's, else that of the path.

    `version`: the major one, where it must be that. Raises `DrillFailed`.
    """
    if folder:
        return Path(folder)
    installed = sorted(_DEBIAN.glob(f"{version}/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if installed:
        return installed[-1].parent
    if found := shutil.which("initdb"):
        return Path(found).parent
    raise DrillFailed("Le serveur PostgreSQL n'est pas installé ici : indiquez le dossier de initdb par --programs.")


class ScratchServer:
    """The server's folders and commands.

    `programs`: the folder of PostgreSQL's programs, empty to look for it. `user`: who runs it where we are root, whom
    PostgreSQL refuses.
    """

    def __init__(self, folder: Path, programs: str, user: str) -> None:
        self.data, self._folder, self._programs = folder / "data", folder, programs
        self._user = user if os.geteuid() == 0 else None

    def run(self, *command: str, as_server: bool = True) -> None:
        """Run a command as the server's user, or as ours. Raises `DrillFailed` with what it said."""
        user = self._user if as_server else None
        done = subprocess.run(  # noqa: S603 - our own commands
            command, cwd=self._folder, user=user, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise DrillFailed(f"{Path(command[0]).name} : {done.stderr.strip()[-2000:]}")

    def program(self, name: str) -> str:
        """Return the path of one of PostgreSQL's programs, of the version of the data where there are some."""
        made_by = self.data / "PG_VERSION"
        version = made_by.read_text().strip() if made_by.exists() else "*"
        return str(find_programs(self._programs, version=version) / name)

    def initialise(self) -> None:
        """Make an empty cluster."""
        self.run(self.program("initdb"), "-D", str(self.data), "-U", "postgres", "--encoding=UTF8", "--no-sync")

    def start(self) -> None:
        """Start the server, and wait until it has recovered."""
        (self._folder / "access.conf").write_text(_ACCESS)
        (self._folder / "server.conf").write_text(
            f"{_CONFIGURATION}\nunix_socket_directories = '{self._folder}'\n"
            f"data_directory = '{self.data}'\nhba_file = '{self._folder / 'access.conf'}'\n"
        )
        options = f"-c config_file={self._folder / 'server.conf'} -c archive_mode=off -c listen_addresses="
        log = str(self._folder / "server.log")
        try:
            self.run(
                self.program("pg_ctl"), "-D", str(self.data), "-w", "-t", "3600", "-l", log, "-o", options, "start"
            )
        except DrillFailed as failure:
            with contextlib.suppress(OSError):
                raise DrillFailed(f"{failure}\n{Path(log).read_text()[-2000:]}") from failure
            raise

    def stop(self) -> None:
        """Stop the server, if it runs."""
        if (self.data / "postmaster.pid").exists():
            self.run(self.program("pg_ctl"), "-D", str(self.data), "-m", "immediate", "-w", "stop")

    def build_url(self, user: str, database: str) -> str:
        """Return the URL of a database for a role."""
        return f"postgresql://{quote(user)}@/{quote(database)}?host={quote(str(self._folder))}"

    def create_database(self, roles: DatabaseRoles, database: str) -> None:
        """Make the roles and the empty database, as `create_database_roles` does."""
        with psycopg.connect(host=str(self._folder), user="postgres", dbname="postgres", autocommit=True) as server:
            database_access.create_roles(server, roles)
            database_access.create_database(server, database, roles)

    def restore_dump(self, dump: Path, roles: DatabaseRoles, database: str) -> None:
        """Restore a dump of pg_dump's custom format, as the owner."""
        place = ["--host", str(self._folder), "--username", roles.owner.name, "--dbname", database]
        self.run(self.program("pg_restore"), "--no-owner", "--exit-on-error", *place, str(dump), as_server=False)


@contextlib.contextmanager
def scratch_server(programs: str, user: str, *, below: str = "") -> Iterator[ScratchServer]:
    """Yield a server that does not run yet; in the end it is stopped, and its folder removed. `below`: a folder."""
    # A short name: the path of a socket has 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="drill", dir=below or None))
    server = ScratchServer(folder, programs, user)
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, user)
        yield server
    finally:
        try:
            server.stop()
        finally:
            shutil.rmtree(folder)


def read_roles() -> DatabaseRoles:
    """Return the roles of the running installation by their names; in a scratch server they need no password."""
    application = settings.DATABASES["default"]["USER"]
    owner = settings.DATABASE_OWNER["USER"] if settings.DATABASE_OWNER else f"{application}_owner"
    return DatabaseRoles(Login(owner), Login(application), Login(settings.DATABASE_READER["USER"]))
