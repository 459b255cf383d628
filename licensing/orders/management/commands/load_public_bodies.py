"""`manage.py load_public_bodies FILE.csv`: take what Chorus Pro's directory says of public payers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from licensing.exceptions import Refused
from licensing.orders import public_bodies
from web import typography

if TYPE_CHECKING:
    from django.core.management.base import CommandParser

_SHOWN = 20


class Command(BaseCommand):
    help = (
        "Charge les organismes publics de l'annuaire de Chorus Pro (CSV) : SIRET, nom, ce que chacun exige d'une "
        "facture, et ses services. Un organisme absent du fichier reste tel qu'il était."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FICHIER", help="le fichier, en CSV")

    def handle(self, *, file: Path, **options: Any) -> None:
        """Load and say what changed; a refusal changes nothing."""
        try:
            report = public_bodies.load(content=file.read_bytes(), at=timezone.now())
        except (OSError, Refused) as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(
            f"{typography.plural(report.bodies, 'organisme chargé', 'organismes chargés')}, "
            f"{typography.plural(len(report.refused), 'ligne refusée', 'lignes refusées')}."
        )
        for line, why in report.refused[:_SHOWN]:
            self.stdout.write(f"  ligne {line} : {why}")
        if len(report.refused) > _SHOWN:
            self.stdout.write(f"  … et {len(report.refused) - _SHOWN} de plus.")
