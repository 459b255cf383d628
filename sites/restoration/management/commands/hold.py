"""`manage.py hold`: have nothing leave this database, until `resume`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from core.connections import OwnerUnknown, connected_as_owner
from installation import hold


class Command(BaseCommand):
    help = "Retient tout ce qui part : e-mails, webhooks, paiements, factures. Le site se lit, et n'enregistre rien."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Hold. Raises `CommandError` without the owner."""
        try:
            with connected_as_owner("Retenir le site"):
                hold.hold(at=timezone.now())
        except OwnerUnknown as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write("Retenu : plus rien ne part dans les dix secondes. Pour reprendre : manage.py resume")
