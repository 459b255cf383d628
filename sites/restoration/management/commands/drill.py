"""`manage.py drill`: restore a backup beside the running site, audit it, open its keys, serve a page; say how long."""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from sites.restoration.scratch_server import DrillFailed, ScratchServer, read_roles, scratch_server

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
