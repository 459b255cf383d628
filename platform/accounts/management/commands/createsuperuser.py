"""`createsuperuser`: Django's own, as the owner of the tables, which also marks the account's address as confirmed.

The application cannot make an operator (docs/decisions/0094). Signing in requires a confirmed address, and the first
superuser may be created before e-mail is configured.
"""

from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.management.commands import createsuperuser
from django.db import transaction
from django.utils import timezone

from accounts.account_journal import record_event
from accounts.models import AccountEvent, User
from core.connections import connected_as_owner


class Command(createsuperuser.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        """Create the superuser with a confirmed address, and tell what comes next. Raises `OwnerUnknown`."""
        with connected_as_owner("La création d'un compte d'exploitation"), transaction.atomic():
            self._create(*args, **options)

    def _create(self, *args: Any, **options: Any) -> None:
        former = set(User.objects.filter(is_superuser=True).values_list("pk", flat=True))
        super().handle(*args, **options)
        for user in User.objects.filter(is_superuser=True).exclude(pk__in=former):
            record_event(AccountEvent.Action.OPERATOR_CREATED, user=user, at=timezone.now())
            if settings.OPERATOR_SECOND_FACTOR:
                self.stdout.write(
                    "À sa première connexion, ce compte doit activer la double authentification avec un code du "
                    f"serveur, valable une heure : manage.py second_factor_code {user.username}"
                )
        for user in User.objects.filter(is_superuser=True, emailaddress=None).exclude(email=""):
            EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
