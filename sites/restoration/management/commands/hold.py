"""`manage.py hold`: have nothing leave this database, until `resume`."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from core.connections import connected_as_owner
from installation import hold


class Command(BaseCommand):
    help = "Retient tout ce qui part : e-mails, webhooks, paiements, factures. Le site se lit, et n'enregistre rien."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Hold. Raises `OwnerUnknown`."""
        with connected_as_owner("Retenir le site"):
            hold.hold(at=timezone.now())
        self.stdout.write("Retenu : plus rien ne part dans les dix secondes. Pour reprendre : manage.py resume")
