"""`createsuperuser`: Django's own, and the account's address is taken at its maker's word.

Signing in asks for a confirmed address; whoever runs commands on the server needs no e-mail to prove himself, and the
first superuser may come before any mail can leave.
"""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth.management.commands import createsuperuser
from django.db import transaction

from accounts.models import User


class Command(createsuperuser.Command):
    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        """Create the superuser, its address confirmed."""
        super().handle(*args, **options)
        for user in User.objects.filter(is_superuser=True, emailaddress=None).exclude(email=""):
            EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
