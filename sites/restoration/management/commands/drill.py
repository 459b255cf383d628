"""`manage.py drill`: restore a backup beside the running site, audit it, open its keys, serve a page; say how long."""

import argparse
import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

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


#: Seconds until a web process must answer.
_START_TIMEOUT = 60.0
_LAST_KEY = """
from licensing.entitlements import code_sealing
from licensing.entitlements.models import ActivationKey
key = ActivationKey.objects.order_by("pk").last()
if key is not None:
    code_sealing.unseal(key.sealed_code, key.sealed_under)
"""


class Command(BaseCommand):
    help = (
        "Restaure une sauvegarde à côté du site, la contrôle, ouvre une clé scellée, sert une page, dit le temps de "
        "chaque étape, et n'en laisse rien."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare where the backup is, and where there is room."""
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument("--dump", metavar="FICHIER", help="un fichier de pg_dump --format=custom")
        source.add_argument("--stanza", metavar="NOM", help="la dernière sauvegarde de cette stanza de pgBackRest")
        parser.add_argument("--target", default="", metavar="INSTANT", help="avec --stanza : l'instant à retrouver")
        parser.add_argument("--programs", default="", metavar="DOSSIER", help="le dossier de initdb et de pg_ctl")
        parser.add_argument("--folder", default="", metavar="DOSSIER", help="où il y a la place de la base entière")
        parser.add_argument("--server-user", default="postgres", help="qui lance PostgreSQL, si vous êtes root")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Drill. Raises `CommandError` where a step fails."""
        started = time.monotonic()
        try:
            with scratch_server(options["programs"], options["server_user"], below=options["folder"]) as server:
                with self._step("Restaurée"):
                    _restore(server, options)
                environment = _build_environment(server)
                with self._step("Contrôlée (manage.py audit)"):
                    _run_python(environment, "manage.py", "audit")
                with self._step("Clé scellée ouverte"):
                    _run_python(environment, "manage.py", "shell", "--verbosity=0", "-c", _LAST_KEY)
                with self._step("Page servie, et rien qui parte"):
                    _serve_page(environment)
        except DrillFailed as failure:
            raise CommandError(str(failure)) from failure
        self.stdout.write(f"La sauvegarde est bonne : {time.monotonic() - started:.0f} s en tout.")

    @contextlib.contextmanager
    def _step(self, label: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.stdout.write(f"{label} : {time.monotonic() - started:.1f} s")


def _restore(server: ScratchServer, options: dict[str, Any]) -> None:
    database = settings.DATABASES["default"]["NAME"]
    if options["stanza"]:
        target = ["--type=time", f"--target={options['target']}", "--target-action=promote"]
        server.run(
            "pgbackrest",
            f"--stanza={options['stanza']}",
            f"--pg1-path={server.data}",
            "--log-level-console=error",
            "--archive-mode=off",
            *(target if options["target"] else []),
            "restore",
        )
        server.start()
        return
    roles = read_roles()
    server.initialise()
    server.start()
    server.create_database(roles, database)
    server.restore_dump(Path(options["dump"]).resolve(), roles, database)


def _build_environment(server: ScratchServer) -> dict[str, str]:
    """Return the environment of this process, on the restored database; the owner is not needed."""
    served = settings.DATABASES["default"]
    others = {"OWNER_DATABASE_URL", "READER_DATABASE_URL", "ADMINISTRATOR_DATABASE_URL"}
    reader = server.build_url(settings.DATABASE_READER["USER"], served["NAME"])
    return {
        **{name: value for name, value in os.environ.items() if name not in others},
        "PYTHONPATH": os.pathsep.join(str(settings.ROOT / name) for name in (".", "platform")),
        "DATABASE_URL": server.build_url(served["USER"], served["NAME"]),
        "READER_DATABASE_URL": reader,
        # The request below comes as from the proxy.
        "BEHIND_TLS_PROXY": "True",
        "TRUSTED_PROXIES": "1",
    }


def _run_python(environment: dict[str, str], *arguments: str) -> None:
    """Run a command of the project. Raises `DrillFailed` with what it said."""
    done = subprocess.run(  # noqa: S603 - our own commands
        [sys.executable, *arguments], cwd=settings.ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        # What holds is not told.
        lines = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("OK ")]
        raise DrillFailed(f"manage.py {arguments[1]} :\n" + "\n".join(lines)[-3000:])


def _serve_page(environment: dict[str, str]) -> None:
    """Serve the home page of the restored site, which must say that it is held. Raises `DrillFailed`."""
    port = _find_port()
    server = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{port}", "--log-level", "error"],
        cwd=settings.ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        status, page = _ask(port)
    finally:
        server.terminate()
        errors = server.communicate()[1]
    if status != http.HTTPStatus.OK:
        raise DrillFailed(f"La page d'accueil répond {status or 'rien'}.\n{errors[-2000:]}")
    if "Site en cours de restauration" not in page:
        raise DrillFailed("La base restaurée n'est pas retenue : elle enverrait ce qui attendait.")


def _find_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def _ask(port: int) -> tuple[int, str]:
    """Return status and text of the home page; 0 where nobody answers in time."""
    deadline = time.monotonic() + _START_TIMEOUT
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_START_TIMEOUT)
        try:
            connection.request("GET", "/", headers={"Host": settings.BASE_DOMAIN, "X-Forwarded-Proto": "https"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError:
            time.sleep(0.2)
        finally:
            connection.close()
    return 0, ""
