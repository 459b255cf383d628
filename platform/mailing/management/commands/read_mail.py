"""`manage.py read_mail`: what the sink received."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from mailing.mailbox import latest

if TYPE_CHECKING:
    import argparse


class Command(BaseCommand):
    """Lists the last messages, or prints one."""

    help = "List the e-mails that smtp_sink received, the latest first; with a number of that list, print that one."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Say which messages."""
        parser.add_argument("number", nargs="?", type=int, help="which to print: 1 is the latest")
        parser.add_argument("--to", default="", help="only those whose recipient contains this")
        parser.add_argument("--last", type=int, default=20, help="how many to list (20)")
        parser.add_argument("--html", action="store_true", help="print the HTML part in place of the text")
        parser.add_argument("--folder", type=Path, default=settings.DATA / "mail")

    def handle(self, *args: Any, **options: Any) -> None:
        """List, or print."""
        number: int | None = options["number"]
        letters = latest(options["folder"], limit=number or options["last"], recipient=options["to"])
        if number is None:
            for place, letter in enumerate(letters, start=1):
                self.stdout.write(
                    f"{place:>3}  {letter.email['Date']}  {letter.email['To']}  {letter.email['Subject']}"
                )
            if not letters:
                self.stdout.write("No message.")
            return
        if not 1 <= number <= len(letters):
            raise CommandError(f"There is no message number {number}.")
        letter = letters[number - 1]
        for name in ("Date", "From", "To", "Reply-To", "Subject", "Message-ID"):
            if letter.email[name]:
                self.stdout.write(f"{name}: {letter.email[name]}")
        self.stdout.write(f"\n{letter.html if options['html'] else letter.text}")
