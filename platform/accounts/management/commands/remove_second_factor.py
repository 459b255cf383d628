"""`manage.py remove_second_factor IDENTIFIANT`: for operators without phone and recovery codes."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts import second_factor
from accounts.models import User


class Command(BaseCommand):
    """Disable an account's second factor; shell access to the server is proof enough."""

    help = "Retire la double authentification d'un compte : son mot de passe suffit alors pour se connecter."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the account's username."""
        parser.add_argument("username", metavar="IDENTIFIANT")

    def handle(self, *args: Any, username: str, **options: Any) -> None:
        """Disable the second factor and notify the user by e-mail."""
        user = User.objects.filter(username=username.lower()).first()
        if user is None:
            raise CommandError(f"Aucun compte n'a l'identifiant « {username} ».")
        if second_factor.disable(user=user, host=settings.BASE_DOMAIN, at=timezone.now()):
            self.stdout.write(f"Double authentification retirée du compte « {user.username} » ; un e-mail le lui dit.")
        else:
            self.stdout.write(f"Le compte « {user.username} » n'a pas de double authentification.")
