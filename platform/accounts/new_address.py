"""An account moves to another e-mail address: the old one stays until the new one is confirmed.

A typing mistake locks nobody out: signing in and forgotten passwords go by the address that was confirmed. The old
address is told when the change is asked for, and again when it is done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth.account.models import EmailAddress
from django.db import transaction

from accounts import letters, throttling
from accounts.correspondence import write, write_to
from accounts.limits import NEW_ADDRESS
from accounts.models import User

if TYPE_CHECKING:
    import datetime


@transaction.atomic
def ask(*, user: User, email: str, host: str, at: datetime.datetime) -> EmailAddress | None:
    """Write to the new address with a link that confirms it, and tell the old one; return what now waits.

    In the place of an address that waited before. The account's own address asked for again takes the wish back, and
    None is returned. Raises `throttling.Throttled` after too many letters.
    """
    _lock(user)
    email = email.strip().lower()
    if email == user.email.lower():
        _forget(user)
        return None
    throttling.count([(NEW_ADDRESS, str(user.pk))], at=at)
    waiting = EmailAddress.objects.filter(user_id=user.pk, verified=False, primary=False, email=email).first()
    if waiting is None:
        _forget(user)
        waiting = EmailAddress.objects.create(user_id=user.pk, email=email, verified=False, primary=False)
        write_to(user, letters.ADDRESS_ASKED, host=host, at=at)
    write(letters.CONFIRM_NEW, email, host=host, at=at, address=waiting.pk, user=user.pk)
    return waiting


@transaction.atomic
def take_back(*, user: User) -> bool:
    """Keep the address one has: the link that was sent opens nothing any more. Return whether another one waited."""
    _lock(user)
    return _forget(user)


def _forget(user: User) -> bool:
    deleted, _ = EmailAddress.objects.filter(user_id=user.pk, verified=False, primary=False).delete()
    return bool(deleted)


def _lock(user: User) -> None:
    User.objects.select_for_update(of=("self",), no_key=True).get(pk=user.pk)
