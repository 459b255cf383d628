"""`manage.py load_public_bodies FILE.csv`: load public bodies from Chorus Pro's directory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from core import formatting
from licensing.exceptions import LicensingError
from licensing.orders import public_bodies

_MAX_LINES = 20


class Command(BaseCommand):
    help = (
        "Charge les organismes publics de l'annuaire de Chorus Pro (CSV) : SIRET, nom, ce que chacun exige d'une "
        "facture, et ses services. Un organisme absent du fichier reste tel qu'il était."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FICHIER", help="le fichier, en CSV")

    def handle(self, *, file: Path, **options: Any) -> None:
        """Load the file and print a report; an invalid file changes nothing."""
        try:
            report = public_bodies.load(content=file.read_bytes(), at=timezone.now())
        except (OSError, LicensingError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{formatting.pluralize(report.bodies, 'organisme chargé', 'organismes chargés')}, "
            f"{formatting.pluralize(len(report.refused), 'ligne refusée', 'lignes refusées')}."
        )
        for line, reason in report.refused[:_MAX_LINES]:
            self.stdout.write(f"  ligne {line} : {reason}")
        if len(report.refused) > _MAX_LINES:
            self.stdout.write(f"  … et {len(report.refused) - _MAX_LINES} de plus.")
