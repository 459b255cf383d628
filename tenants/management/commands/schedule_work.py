"""`schedule_work`: have every collectivity looked at once for what waits there, after a restoration."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction
from django_tenants.utils import get_public_schema_name

from core import formatting
from core.connections import DatabaseClock
from jobs import due
from tenants.models import Collectivity


class Command(BaseCommand):
    help = (
        "Fait regarder une fois, par les workers, ce qui attend dans chaque collectivité : après une restauration sans "
        "la file, ou des lignes écrites à la main. Sans effet là où rien n'attend ; peut être relancée."
    )

    @transaction.atomic
    def handle(self, *_args: Any, **_options: Any) -> None:
        """Write the due work and say how many looks that makes."""
        schemas = list(Collectivity.objects.order_by("pk").values_list("schema_name", flat=True))
        looks = due.schedule_everywhere(schemas, public_schema=str(get_public_schema_name()), at=DatabaseClock()())
        offices = formatting.pluralize(len(schemas), "collectivité")
        self.stdout.write(f"{offices} : {formatting.pluralize(looks, 'regard')} à porter par les workers.")
