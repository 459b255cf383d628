"""`manage.py second_factor_code IDENTIFIANT`: lets an operator enrol their first second factor."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse
from django.utils import timezone

from accounts import second_factor
from accounts.models import User
from core.links import portal_url


class Command(BaseCommand):
    """Print a one-time code; shell access to the server is proof enough."""

    help = (
        "Donne le code, valable une heure et une seule fois, qu'un compte d'exploitation saisit pour activer sa "
        "double authentification."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the account's username."""
        parser.add_argument("username", metavar="IDENTIFIANT")

    def handle(self, *args: Any, username: str, **options: Any) -> None:
        """Print the code and where to type it."""
        user = User.objects.filter(username=username.lower(), is_active=True).first()
        if user is None:
            raise CommandError(f"Aucun compte actif n'a l'identifiant « {username} ».")
        try:
            code = second_factor.issue(user=user, at=timezone.now())
        except second_factor.EnrolmentCodeError as refusal:
            raise CommandError(str(refusal)) from None
        address = portal_url(reverse("mfa_index", urlconf=settings.PUBLIC_SCHEMA_URLCONF))
        self.stdout.write(f"Code du serveur pour « {user.username} » : {code}")
        self.stdout.write(
            "Il vaut une heure et sert une seule fois. Ne l'envoyez pas par e-mail : dites-le à la personne, qui le "
            f"saisira en activant sa double authentification à {address}"
        )
