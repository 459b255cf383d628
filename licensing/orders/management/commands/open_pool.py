"""`manage.py open_pool`: grant a pool of licences to a collectivity."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from core import formatting
from core.exceptions import DomainError
from licensing.orders import operations


class Command(BaseCommand):
    help = "Ouvre un lot de licences pour une collectivité : une ligne de commande de l'exploitant, avec son motif."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--collectivity", required=True, metavar="SLUG", help="l'adresse du bureau, p. ex. nimes")
        parser.add_argument("--licences", required=True, type=int, metavar="N")
        parser.add_argument("--reason", required=True, metavar="TEXTE", help="pourquoi ces licences sont données")
        parser.add_argument("--name", default="", help="le nom du lot, tel que la collectivité le lira")
        parser.add_argument("--json", action="store_true", help="répond en JSON, pour un programme")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            collectivity = operations.get_collectivity(options["collectivity"])
            pool = operations.grant(
                collectivity=collectivity,
                licences=options["licences"],
                reason=options["reason"],
                name=options["name"],
                by=None,
                at=timezone.now(),
            )
        except DomainError as error:
            raise CommandError(str(error)) from error
        last_day = pool.entitlement.last_day
        if options["json"]:
            self.stdout.write(
                json.dumps(
                    {
                        "collectivity": collectivity.slug,
                        "pool": pool.pk,
                        "name": pool.name,
                        "licences": pool.capacity,
                        "order": pool.entitlement.number,
                        "last_day": last_day.isoformat(),
                    },
                    ensure_ascii=False,
                )
            )
            return
        self.stdout.write(
            f"Lot n° {pool.pk} « {pool.name} » ouvert pour {collectivity.name} : "
            f"{formatting.pluralize(pool.capacity, 'licence')}, jusqu'au {formatting.long_date(last_day)} inclus."
        )
