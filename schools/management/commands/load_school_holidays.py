"""`manage.py load_school_holidays FILE`: load the school calendar from a file of open data."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.formatting import pluralize
from schools.exceptions import CalendarRefused
from schools.models import HolidayZone
from schools.operations import load_calendar


class Command(BaseCommand):
    help = (
        "Charge les vacances scolaires de chaque zone d'un fichier « fr-en-calendrier-scolaire » de"
        " data.education.gouv.fr, en JSON ou en CSV. Les relances n'y écrivent à personne."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the file."""
        parser.add_argument("file", type=Path, metavar="FICHIER", help="le calendrier scolaire, .json ou .csv")

    def handle(self, *, file: Path, **_options: Any) -> None:
        """Load and print what was loaded; a refusal changes nothing and exits with status 2."""
        try:
            report = load_calendar(path=file)
        except CalendarRefused as refusal:
            raise CommandError(str(refusal), returncode=2) from refusal
        for zone, count in sorted(report.loaded.items()):
            self.stdout.write(f"{zone.label} : {pluralize(count, 'période chargée', 'périodes chargées')}.")
        missing = [zone.label for zone in HolidayZone if zone not in report.loaded]
        if missing:
            self.stdout.write(f"Rien dans ce fichier pour : {', '.join(missing)}.")
        for line in report.describe_refused("ligne", "ligne refusée", "lignes refusées"):
            self.stdout.write(line)
