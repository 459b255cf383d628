"""`manage.py load_outlines FILE`: load the outlines of territories from a GeoJSON file of open data."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from core.formatting import pluralize
from schools.exceptions import OutlinesRefused
from schools.models import TerritoryLevel
from schools.operations import load_outlines


class Command(BaseCommand):
    help = (
        "Charge les contours des communes, intercommunalités, départements ou régions d'un fichier GeoJSON (IGN,"
        " Etalab, geo.api.gouv.fr), compressé ou non. Un contour déjà chargé est remplacé."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the file and the options."""
        parser.add_argument(
            "file", type=Path, metavar="FICHIER", help="le fichier de contours, .geojson ou .geojson.gz"
        )
        parser.add_argument(
            "--source", default="IGN, ADMIN EXPRESS", help="la source à nommer sous les cartes (%(default)s)"
        )
        parser.add_argument(
            "--level", default="", choices=TerritoryLevel.values, help="le niveau, si le fichier ne le dit pas"
        )

    def handle(self, *, file: Path, source: str, level: str, **_options: Any) -> None:
        """Load and print what was loaded; a refusal changes nothing and exits with status 2."""
        try:
            report = load_outlines(path=file, source=source, level=level, at=timezone.now())
        except OutlinesRefused as refusal:
            raise CommandError(str(refusal), returncode=2) from refusal
        for kind, count in report.loaded.items():
            self.stdout.write(f"{kind.label} : {pluralize(count, 'contour chargé', 'contours chargés')}.")
        for line in report.describe_refused("objet", "objet refusé", "objets refusés"):
            self.stdout.write(line)
