"""`move_office`: move an office to another node of the cluster, while it is used."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.connections import connected_as_owner
from tenants import cluster


class Command(BaseCommand):
    help = "Déplace une collectivité vers un autre nœud de la base répartie, pendant qu'on s'en sert."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="l'adresse de son espace, sans le domaine : nimes")
        parser.add_argument("node", help="le nœud : son nom, ou nom:port")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Move it. Raises `CommandError` where it stays."""
        try:
            with connected_as_owner("Le déplacement d'une collectivité"):
                node = cluster.move_office(options["slug"], options["node"])
        except cluster.MoveRefused as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(f"{options['slug']} est sur {node}.")
