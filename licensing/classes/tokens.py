"""What the learning application shows to be answered: made by the operator, shown once, revoked at any time.

256 random bits, of which the database holds a hash: nobody reads a token out of it, and none is guessed.
"""

from __future__ import annotations

import datetime
import hashlib
import secrets
from typing import TYPE_CHECKING, NamedTuple

from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from licensing.classes.models import ApplicationToken
from licensing.exceptions import Refused

if TYPE_CHECKING:
    from accounts.models import User

#: By which people, and programs that look for leaked secrets, tell what it is.
PREFIX = "peps_"
_HINT = len(PREFIX) + 6
#: « Dernier usage » to the minute: a write an entry would be one too many.
_NOTED_EVERY = datetime.timedelta(minutes=1)


class UnknownToken(Refused):
    """No such token was made."""

    code = "invalid_token"


class TokenRevoked(Refused):
    """The operator revoked it."""

    code = "token_revoked"


class Made(NamedTuple):
    """A token's row, and what stands nowhere else."""

    token: ApplicationToken
    secret: str


@sensitive_variables("secret")
def make(*, name: str, by: User | None, at: datetime.datetime) -> Made:
    """Make a token and return it with its secret, which nobody can be shown again."""
    secret = PREFIX + secrets.token_urlsafe(32)
    token = ApplicationToken.objects.create(
        name=name, token_hash=_hash(secret), hint=secret[:_HINT], created_at=at, created_by=by
    )
    return Made(token, secret)


@transaction.atomic
def revoke(*, token_id: int, at: datetime.datetime) -> ApplicationToken:
    """Have nobody answered any more who shows it. Revoking twice is the same as once."""
    token = ApplicationToken.objects.select_for_update(no_key=True).get(pk=token_id)
    if token.revoked_at is None:
        token.revoked_at = at
        token.save(update_fields=["revoked_at"])
    return token


@sensitive_variables("secret")
def recognise(secret: str, *, at: datetime.datetime) -> ApplicationToken:
    """Return the token that was shown, and note that it was. Raises `UnknownToken` or `TokenRevoked`."""
    token = ApplicationToken.objects.filter(token_hash=_hash(secret)).first()
    if token is None:
        raise UnknownToken("Ce jeton n'existe pas : demandez-en un à l'exploitant du portail.")
    if token.revoked_at is not None:
        raise TokenRevoked("Ce jeton a été révoqué : demandez-en un autre à l'exploitant du portail.")
    if token.last_used_at is None or token.last_used_at <= at - _NOTED_EVERY:
        # Of requests that arrive together one writes, the others see that it did.
        ApplicationToken.objects.filter(pk=token.pk, last_used_at=token.last_used_at).update(last_used_at=at)
    return token


@sensitive_variables("secret")
def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
