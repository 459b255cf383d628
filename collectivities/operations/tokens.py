"""Create and revoke the API tokens of the office; both are logged.

The audit log names a token by its name and its first characters. The secret is returned once and never stored.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Collection

from django.db import transaction

from accounts.models import User
from api import tokens
from api.models import Token, TokenScope
from collectivities import audit_log
from collectivities.exceptions import UnknownApiToken
from collectivities.token_list import get_last_day
from core import formatting


@transaction.atomic
def create_token(
    *,
    name: str,
    scopes: Collection[str],
    expires_at: datetime.datetime,
    networks: Collection[str],
    form: uuid.UUID | None,
    by: User,
    at: datetime.datetime,
) -> tokens.NewToken:
    """Create a token and return it with its secret, which is shown once.

    Raises `api.tokens.InvalidTokenSettings`, which names the field, and `api.tokens.TokenAlreadyCreated`
    for a form submitted twice.
    """
    created = tokens.create(name=name, scopes=scopes, expires_at=expires_at, networks=networks, form=form, by=by, at=at)
    token = created.token
    granted = ", ".join(TokenScope(scope).label.lower() for scope in token.scopes)
    restriction = f", depuis {formatting.join_words(token.networks)}" if token.networks else ""
    audit_log.record(
        action="api.token_created",
        by=by,
        at=at,
        summary=(
            f"Jeton « {token.name} » ({token.hint}…) créé, valable jusqu'au "
            f"{formatting.long_date(get_last_day(token))}{restriction}. Droits : {granted}."
        ),
        object_type="token",
        object_id=token.pk,
    )
    return created


@transaction.atomic
def revoke_token(*, token_id: int, by: User, at: datetime.datetime) -> Token:
    """Revoke a token: requests with it are refused from now on. Idempotent. Raises `UnknownApiToken`."""
    token = Token.objects.locked().filter(pk=token_id).first()
    if token is None:
        raise UnknownApiToken("Ce jeton n'existe pas dans ce bureau : rechargez la page.")
    if token.revoked_at is not None:
        return token
    audit_log.record(
        action="api.token_revoked",
        by=by,
        at=at,
        summary=f"Jeton « {token.name} » ({token.hint}…) révoqué.",
        object_type="token",
        object_id=token.pk,
    )
    return tokens.revoke(token_id=token_id, by=by, at=at) or token
