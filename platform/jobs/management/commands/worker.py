"""`manage.py worker`: run the queued jobs."""

import argparse
import contextlib
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from core import telemetry
from core.database_access import WORKER_TIMEOUTS, apply_timeouts
from core.start_checks import refuse_privileged_role, refuse_unfit_database
from core.telemetry import start_error_reports, start_tracing
from installation.migration_contents import refuse_changed_migrations
from jobs import worker
from jobs.worker import serve_metrics


class Command(BaseCommand):
    """Runs jobs until it receives a signal. Several workers may run, on one or many machines."""

    help = "Run the queued jobs: e-mails, imports, what other jobs cause. SIGTERM lets those at work finish."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare concurrency, queues and when to end."""
        parser.add_argument(
            "--concurrency", type=int, default=2, help="jobs at the same time besides e-mails, webhooks and imports (2)"
        )
        parser.add_argument("--queues", default="", help="only these queues, with commas between: mail,default (all)")
        parser.add_argument("--until-idle", action="store_true", help="end when no job is due any more")
        parser.add_argument(
            "--give-up-after", type=float, default=300.0, help="seconds without a database before it ends (300)"
        )
        parser.add_argument(
            "--metrics", default="", metavar="HOST:PORT", help="where it gives figures: 127.0.0.1:9101 (nowhere)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the worker. Raises `CommandError` if the database stays unreachable or was made by other migrations.

        On a server, also if it or its role is not fit.
        """
        if options["concurrency"] < 1:
            raise CommandError("--concurrency must be at least 1.")
        apply_timeouts(settings.DATABASES["default"], WORKER_TIMEOUTS)
        try:
            refuse_privileged_role()
            refuse_unfit_database()
            refuse_changed_migrations()
        except ImproperlyConfigured as refusal:
            raise CommandError(str(refusal)) from refusal
        queues = [queue.strip() for queue in options["queues"].split(",") if queue.strip()]
        start_error_reports()
        start_tracing("peps-worker")
        try:
            with _serve(options["metrics"]):
                worker.run(
                    concurrency=options["concurrency"],
                    queues=queues or None,
                    until_idle=options["until_idle"],
                    give_up_after=options["give_up_after"],
                )
        except worker.DatabaseUnavailable as end:
            raise CommandError(str(end)) from end


@contextlib.contextmanager
def _serve(address: str) -> Iterator[None]:
    """Give figures at an address, if there is one, until the block ends. Raises `CommandError` where that cannot be."""
    if not address:
        yield
        return
    if not telemetry.is_open():
        raise CommandError("--metrics needs METRICS_TOKEN: who may read the figures is known by it.")
    host, _, port = address.rpartition(":")
    if not (host and port.isascii() and port.isdigit()):
        raise CommandError("--metrics must be HOST:PORT, such as 127.0.0.1:9101.")
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(serve_metrics(host, int(port)))
        except (OSError, OverflowError) as error:
            raise CommandError(f"No figures can be given at {address}: {error}") from error
        yield
