"""`manage.py application_token NAME`: create a token for the learning application and print it."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from licensing.classes import tokens


class Command(BaseCommand):
    help = "Crée un jeton par lequel l’application interroge le portail, et l’affiche : il ne se lit plus ensuite."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NOM", help="à quoi il sert, p. ex. « Application, production »")

    def handle(self, *args: Any, **options: Any) -> None:
        # Only the token, for use in scripts.
        self.stdout.write(tokens.create(name=options["name"], by=None, at=timezone.now()).secret)
