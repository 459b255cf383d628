"""`copy_key_states`: copy what became of keys beside their allocations, in every collectivity or in some."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django_tenants.utils import tenant_context

from core import formatting
from licensing.pools.key_states import copy_all_key_states
from tenants.models import Collectivity


class Command(BaseCommand):
    """Works in batches; may be interrupted and restarted at any time, while the site serves."""

    help = (
        "Recompte ce que chaque bureau affiche de ses clés (activées, licences utilisées, libres) d'après les clés "
        "elles-mêmes : quand l'audit y trouve un écart, ou après une restauration sans la file."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the collectivities."""
        parser.add_argument("slugs", nargs="*", metavar="collectivité", help="les nommées ; toutes par défaut")

    def handle(self, *_args: Any, slugs: list[str], **_options: Any) -> None:
        """Copy, and say how many allocations were not as their keys."""
        offices = Collectivity.objects.order_by("pk")
        if slugs:
            offices = offices.filter(slug__in=slugs)
            if unknown := set(slugs) - {office.slug for office in offices}:
                raise CommandError(f"Collectivité inconnue : {', '.join(sorted(unknown))}.")
        corrected = 0
        for office in offices:
            with tenant_context(office):
                corrected += copy_all_key_states()
        self.stdout.write(f"{formatting.pluralize(corrected, 'attribution corrigée', 'attributions corrigées')}.")
