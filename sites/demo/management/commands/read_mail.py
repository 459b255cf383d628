"""`manage.py read_mail`: list and print the e-mails that the SMTP sink received."""

import argparse
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from sites.demo.smtp_sink import list_latest


class Command(BaseCommand):
    """Lists the last messages, or prints one."""

    help = "List the e-mails that smtp_sink received, the latest first; with a number of that list, print that one."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the filters."""
        parser.add_argument("number", nargs="?", type=int, help="which to print: 1 is the latest")
        parser.add_argument("--to", default="", help="only those whose recipient contains this")
        parser.add_argument("--last", type=int, default=20, help="how many to list (20)")
        parser.add_argument("--html", action="store_true", help="print the HTML part in place of the text")
        parser.add_argument("--folder", type=Path, default=settings.DATA / "mail")

    def handle(self, *args: Any, **options: Any) -> None:
        """List the e-mails, or print one."""
        number: int | None = options["number"]
        emails = list_latest(options["folder"], limit=number or options["last"], recipient=options["to"])
        if number is None:
            for position, received in enumerate(emails, start=1):
                self.stdout.write(
                    f"{position:>3}  {received.email['Date']}  {received.email['To']}  {received.email['Subject']}"
                )
            if not emails:
                self.stdout.write("No message.")
            return
        if not 1 <= number <= len(emails):
            raise CommandError(f"There is no message number {number}.")
        received = emails[number - 1]
        for name in ("Date", "From", "To", "Reply-To", "Subject", "Message-ID"):
            if received.email[name]:
                self.stdout.write(f"{name}: {received.email[name]}")
        self.stdout.write(f"\n{received.html if options['html'] else received.text}")
