"""`manage.py demo`: run the demo scenario on invented data, then serve the site."""

import argparse
import contextlib
import os
import shutil
import signal
import sys
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from sites.demo import database, processes
from sites.demo.people import (
    INVITED_TEACHER,
    PRINCIPAL,
    SPARING_PRINCIPAL,
    TEACHER_BY_HAND,
    TEACHERS,
    describe_accounts,
)
from sites.demo.scenario import DemoScenario, RuleBroken, list_unsent_messages
from sites.demo.year.simulation import YearDemonstration

#: Environment variable set once the process runs with the demo's ports and data folder.
_PREPARED_VARIABLE = "PEPS_DEMO"
_KNOWN_ERRORS = (database.NotDemoDatabase, processes.ProcessNotStarted, RuleBroken)


class Command(BaseCommand):
    help = "Raconte tout le parcours sur des données inventées, puis sert le site (Ctrl-C pour arrêter)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the options of the web server and of the year."""
        parser.add_argument(
            "--year", action="store_true", help="jouer toute une année de trois collectivités, qui finit hier"
        )
        parser.add_argument("--no-serve", action="store_true", help="s'arrêter une fois le parcours raconté")
        parser.add_argument("--port", type=int, default=8000, help="le port du site (8000)")

    def handle(self, *args: Any, year: bool, no_serve: bool, port: int, **options: Any) -> None:
        """Run the scenario, or the year, then serve the site. Exits with an error as soon as a step fails."""
        if os.environ.get(_PREPARED_VARIABLE) != "1":
            self._re_execute(port)
        if not no_serve and processes.is_port_taken(port):
            raise CommandError(f"Le port {port} est pris : arrêtez ce qui l'occupe, ou choisissez --port.")
        try:
            with contextlib.ExitStack() as running:
                self._empty()
                description = self._play_year(running, port) if year else self._tell_scenario(running, port)
                if not no_serve:
                    self._serve(running, port, description)
        except _KNOWN_ERRORS as error:
            raise CommandError(str(error)) from error
        except Exception:
            for line in list_unsent_messages():
                self.stderr.write(line)
            raise

    def print_line(self, line: str) -> None:
        """Print a line and flush."""
        self.stdout.write(line)
        self.stdout.flush()

    def _re_execute(self, port: int) -> None:
        """Re-execute the command with the demo's data folder and ports, as settings read them at start-up."""
        environment = {
            "PEPS_DATA": str(settings.ROOT / ".data" / "demo"),
            "PUBLIC_PORT": str(port),
            "SMTP_HOST": processes.HOST,
            "SMTP_PORT": str(processes.find_free_port()),
        }
        sys.stdout.flush()
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | environment | {_PREPARED_VARIABLE: "1"})  # noqa: S606 - this very command

    def _empty(self) -> None:
        """Reset the database and the mailbox."""
        self.print_line("La base et la boîte aux lettres de la démonstration sont vidées.")
        database.reset_database()
        shutil.rmtree(settings.DATA / "mail", ignore_errors=True)

    def _play_year(self, running: contextlib.ExitStack, port: int) -> str:
        """Play the year, then start the mail server and the worker, for which its days have passed."""
        demonstration = YearDemonstration(self.print_line)
        demonstration.run()
        self._start_workers(running)
        return demonstration.describe(port)

    def _tell_scenario(self, running: contextlib.ExitStack, port: int) -> str:
        self._start_workers(running)
        scenario = DemoScenario(self.print_line)
        scenario.run()
        return _describe_scenario(scenario, port)

    def _start_workers(self, running: contextlib.ExitStack) -> None:
        """Start the mail server and the worker."""
        port = int(os.environ["SMTP_PORT"])
        running.enter_context(
            processes.run_process(
                "smtp_sink", processes.build_manage_command("smtp_sink", "--port", str(port)), port=port
            )
        )
        running.enter_context(processes.run_process("worker", processes.build_manage_command("worker")))
        self.print_line(f"Serveur SMTP : {processes.HOST}:{port}. Travailleur : démarré.")

    def _serve(self, running: contextlib.ExitStack, port: int, description: str) -> None:
        running.enter_context(processes.run_process("web", processes.build_web_command(port), port=port))
        self.print_line(description)
        stop_event = threading.Event()
        for signal_number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signal_number, lambda *_: stop_event.set())
        stop_event.wait()


def _describe_scenario(scenario: DemoScenario, port: int) -> str:
    """Return the accounts of the scenario's people."""
    context = {
        "principals": (PRINCIPAL.username, SPARING_PRINCIPAL.username),
        "teachers": [teacher.username for teacher in (*TEACHERS, TEACHER_BY_HAND)],
        "invited": INVITED_TEACHER,
        "card": scenario.card,
        "data": settings.DATA,
    }
    return describe_accounts("accounts", port, context)
