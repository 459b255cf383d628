"""Bearer tokens of the learning application: created by the operator, shown once, revocable.

A token has 256 random bits; only its hash is stored.
"""

import datetime
import secrets
from typing import NamedTuple

from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from accounts.models import User
from core.exceptions import DomainError
from core.links import hash_token
from licensing.classes.models import ApplicationToken

#: Recognised by people and by secret scanners.
PREFIX = "peps_"
_HINT_LENGTH = len(PREFIX) + 6
#: Precision of `last_used_at`, to avoid a write per request.
_LAST_USED_PRECISION = datetime.timedelta(minutes=1)


class UnknownApplicationToken(DomainError):
    """The token does not exist."""

    code = "invalid_token"


class TokenRevoked(DomainError):
    """The operator revoked the token."""

    code = "token_revoked"


class CreatedApplicationToken(NamedTuple):
    """A new token's row, and its secret, which is not stored."""

    token: ApplicationToken
    secret: str


@sensitive_variables("secret")
def create(*, name: str, by: User | None, at: datetime.datetime) -> CreatedApplicationToken:
    """Create a token and return it with its secret, which cannot be read again."""
    secret = PREFIX + secrets.token_urlsafe(32)
    token = ApplicationToken.objects.create(
        name=name, token_hash=hash_token(secret), hint=secret[:_HINT_LENGTH], created_at=at, created_by=by
    )
    return CreatedApplicationToken(token, secret)


@transaction.atomic
def revoke(*, token_id: int, at: datetime.datetime) -> ApplicationToken:
    """Revoke the token. Idempotent."""
    token = ApplicationToken.objects.locked().get(pk=token_id)
    if token.revoked_at is None:
        token.revoked_at = at
        token.save(update_fields=["revoked_at"])
    return token


@sensitive_variables("secret")
def authenticate(secret: str, *, at: datetime.datetime) -> ApplicationToken:
    """Return the token with this secret, and update its last use.

    Raises `UnknownApplicationToken` or `TokenRevoked`.
    """
    token = ApplicationToken.objects.filter(token_hash=hash_token(secret)).first()
    if token is None:
        raise UnknownApplicationToken("Ce jeton n’existe pas : demandez-en un à l’exploitant du portail.")
    if token.revoked_at is not None:
        raise TokenRevoked("Ce jeton a été révoqué : demandez-en un autre à l’exploitant du portail.")
    if token.last_used_at is None or token.last_used_at <= at - _LAST_USED_PRECISION:
        # Of concurrent requests only one updates the row.
        ApplicationToken.objects.filter(pk=token.pk, last_used_at=token.last_used_at).update(last_used_at=at)
    return token
