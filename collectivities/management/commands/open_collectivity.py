"""`open_collectivity`: open a collectivity's office from the command line."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from collectivities.operations.offices import open_office
from tenants.models import CollectivityKind
from tenants.provisioning import OpeningRefused

_OPTIONS = {"name": "--name", "kind": "--kind", "siren": "--siren", "slug": "--slug", "key_prefix": "--key-prefix",
            "manager_email": "--manager-email"}  # fmt: skip


class Command(BaseCommand):
    help = "Ouvre le bureau d'une collectivité et invite son premier gestionnaire."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--name", required=True, help="Nom : « Ville de Nîmes ».")
        parser.add_argument("--kind", required=True, help=f"Nature : {', '.join(CollectivityKind.values)}.")
        parser.add_argument("--siren", required=True, help="SIREN, vérifié.")
        parser.add_argument("--slug", default="", help="Adresse du bureau ; d'après le nom si elle est omise.")
        parser.add_argument("--key-prefix", default="", help="Préfixe des clés ; d'après l'adresse s'il est omis.")
        parser.add_argument("--manager-email", required=True, help="Adresse e-mail du premier gestionnaire.")
        parser.add_argument("--json", action="store_true", help="Répondre en JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Open the office. Raises `CommandError` with every problem, having changed nothing."""
        try:
            collectivity = open_office(**{field: options[field] for field in _OPTIONS}, by=None, at=timezone.now())
        except OpeningRefused as refusal:
            if options["json"]:
                self.stdout.write(json.dumps({"refused": refusal.problems}, ensure_ascii=False))
            lines = "\n".join(f"  {_OPTIONS.get(field, '')} {sentence}" for field, sentence in refusal.problems.items())
            raise CommandError(f"Bureau non ouvert :\n{lines}") from refusal
        if options["json"]:
            opened = {
                "id": collectivity.pk,
                "name": collectivity.name,
                "slug": collectivity.slug,
                "key_prefix": collectivity.key_prefix,
                "schema": collectivity.schema_name,
                "url": collectivity.office_url(),
                "invited": options["manager_email"].strip(),
            }
            self.stdout.write(json.dumps(opened, ensure_ascii=False))
            return
        self.stdout.write(f"Bureau ouvert : {collectivity.name}, {collectivity.office_url()}")
        self.stdout.write(f"Préfixe des clés : {collectivity.key_prefix}")
        self.stdout.write(f"Invitation envoyée à {options['manager_email'].strip()}.")
