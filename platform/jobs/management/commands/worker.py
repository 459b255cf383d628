"""`manage.py worker`: run the queued jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from core.database_checks import refuse_unfit_database
from core.database_timeouts import WORKER_TIMEOUTS, apply_timeouts
from core.role_checks import refuse_privileged_role
from jobs import worker

if TYPE_CHECKING:
    import argparse


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

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the worker. Raises `CommandError` if the database stays unreachable, or it or its role is not fit."""
        if options["concurrency"] < 1:
            raise CommandError("--concurrency must be at least 1.")
        apply_timeouts(settings.DATABASES["default"], WORKER_TIMEOUTS)
        try:
            refuse_privileged_role()
            refuse_unfit_database()
        except ImproperlyConfigured as refusal:
            raise CommandError(str(refusal)) from refusal
        queues = [queue.strip() for queue in options["queues"].split(",") if queue.strip()]
        try:
            worker.run(
                concurrency=options["concurrency"],
                queues=queues or None,
                until_idle=options["until_idle"],
                give_up_after=options["give_up_after"],
            )
        except worker.DatabaseUnavailable as end:
            raise CommandError(str(end)) from end
