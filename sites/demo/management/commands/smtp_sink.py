"""`manage.py smtp_sink`: run the SMTP server of a development checkout."""

import argparse
import signal
import threading
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from sites.demo.smtp_sink import SmtpSink


class Command(BaseCommand):
    """Stores every received message in a folder, for `manage.py read_mail`."""

    help = "Receive e-mails over SMTP and keep each as a file. Relays nothing. Ends with Ctrl-C."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the address to listen at and the folder."""
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8025)
        parser.add_argument("--folder", type=Path, default=settings.DATA / "mail")

    def handle(self, *args: Any, **options: Any) -> None:
        """Listen until a signal."""
        stop_requested = threading.Event()
        for signal_number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signal_number, lambda *_: stop_requested.set())
        sink = SmtpSink(host=options["host"], port=options["port"], folder=options["folder"])
        try:
            sink.start()
        except OSError as error:
            raise CommandError(f"{options['host']}:{options['port']} cannot be opened: {error.strerror}") from error
        self.stdout.write(f"Receiving at {sink.hostname}:{sink.port}, into {options['folder']}")
        self.stdout.flush()
        stop_requested.wait()
        sink.stop()
        self.stdout.write(f"{sink.accepted} message(s) received.")
