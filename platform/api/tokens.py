"""Tokens: made, shown once, recognised, revoked.

256 random bits, of which the database holds a hash: nobody reads a token out of it, and none is guessed. Another
collectivity's token is looked for in this one's schema, and is not there.
"""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import secrets
from typing import TYPE_CHECKING, NamedTuple

from django.db import IntegrityError, transaction
from django.views.decorators.debug import sensitive_variables
from django_tenants.utils import get_public_schema_name, schema_context

from accounts.models import Profile, User
from api.models import Token
from api.scopes import Scope
from web.refused import Refused

if TYPE_CHECKING:
    import uuid
    from collections.abc import Collection

#: By which people, and programs that look for leaked secrets, tell what it is.
PREFIX = "peps_api_"
_HINT = len(PREFIX) + 6
LONGEST_NAME = 80
#: A token that nobody renews ends by itself.
LONGEST = datetime.timedelta(days=731)
#: « Dernier usage » to the minute: a write a request would be one too many.
_NOTED_EVERY = datetime.timedelta(minutes=1)


class InvalidToken(Refused):
    """What was asked of a new token cannot be: the sentence says which field."""

    code = "invalid_token_settings"

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


class AlreadyMade(Refused):
    """The same form was sent a second time: the secret was in the first answer, and nowhere else."""

    code = "token_already_made"


class Made(NamedTuple):
    """A token's row, and what stands nowhere else."""

    token: Token
    secret: str


@sensitive_variables("secret")
@transaction.atomic
def make(
    *,
    name: str,
    scopes: Collection[str],
    expires_at: datetime.datetime,
    networks: Collection[str] = (),
    form: uuid.UUID | None = None,
    by: User | None,
    at: datetime.datetime,
) -> Made:
    """Make a token and return it with its secret, which nobody can be shown again.

    `form`: the form that asks for it, which makes one token however often it is sent. Raises `AlreadyMade`, and
    `InvalidToken`: no name, no scope, an end that has passed or is more than two years away, a network that is none.
    """
    _refuse_twice(form)
    name = " ".join(name.split())
    if not 0 < len(name) <= LONGEST_NAME:
        raise InvalidToken("name", "Donnez un nom au jeton, de 80 caractères au plus : celui de son logiciel.")
    chosen = [scope for scope in Scope.values if scope in set(scopes)]
    if not chosen or len(chosen) != len(set(scopes)):
        raise InvalidToken("scopes", "Cochez au moins un droit.")
    if not at < expires_at <= at + LONGEST:
        raise InvalidToken("expires_at", "Choisissez un dernier jour à venir, dans deux ans au plus.")
    secret = PREFIX + secrets.token_urlsafe(32)
    token = Token(
        name=name,
        form=form,
        token_hash=_hash(secret),
        hint=secret[:_HINT],
        scopes=chosen,
        networks=list(dict.fromkeys(_network(written) for written in networks)),
        account=_account(name, at),
        created_at=at,
        created_by_id=by.pk if by else None,
        expires_at=expires_at,
    )
    try:
        with transaction.atomic():
            token.save()
    except IntegrityError:
        # Sent twice at the same moment: the second waited for the first.
        _refuse_twice(form)
        raise
    return Made(token, secret)


def _refuse_twice(form: uuid.UUID | None) -> None:
    if form is not None and Token.objects.filter(form=form).exists():
        raise AlreadyMade(
            "Ce formulaire a déjà créé un jeton, montré une seule fois. Si vous ne l'avez pas copié, révoquez-le et "
            "créez-en un autre."
        )


def _account(name: str, at: datetime.datetime) -> User:
    """Make the account that stands for the token wherever a person would: it has no password, and no address."""
    account = User(
        username=f"jeton-{secrets.token_hex(8)}",
        first_name="Jeton",
        last_name=f"« {name} »",
        profile=Profile.PROGRAM,
        is_active=False,
        date_joined=at,
    )
    account.set_unusable_password()
    with schema_context(get_public_schema_name()):
        account.save()
    return account


def _network(written: str) -> str:
    try:
        return str(ipaddress.ip_network(written.strip(), strict=False))
    except ValueError:
        raise InvalidToken(
            "networks",
            f"« {written.strip()} » n'est ni une adresse IP ni un réseau : écrivez 203.0.113.7 ou 203.0.113.0/24.",
        ) from None


@transaction.atomic
def revoke(*, token_id: int, by: User | None, at: datetime.datetime) -> Token | None:
    """Have nobody answered any more who shows it; None where there is none. Revoking twice is the same as once."""
    token = Token.objects.locked().filter(pk=token_id).first()
    if token is not None and token.revoked_at is None:
        token.revoked_at, token.revoked_by_id = at, by.pk if by else None
        token.save(update_fields=["revoked_at", "revoked_by_id"])
    return token


@sensitive_variables("secret")
def find(secret: str) -> Token | None:
    """Return the token of this collectivity that was shown, with its account, whatever its state."""
    return Token.objects.select_related("account").filter(token_hash=_hash(secret)).first()


def is_allowed_from(token: Token, address: str) -> bool:
    """Whether the token may be shown from there."""
    if not token.networks:
        return True
    asking = ipaddress.ip_address(address)
    if isinstance(asking, ipaddress.IPv6Address) and asking.ipv4_mapped is not None:
        asking = asking.ipv4_mapped
    return any(asking in ipaddress.ip_network(network) for network in token.networks)


def note_use(token: Token, *, address: str, at: datetime.datetime) -> None:
    """Note that the token was shown, at most once a minute: of requests that arrive together one writes."""
    if token.last_used_at is None or token.last_used_at <= at - _NOTED_EVERY:
        Token.objects.filter(pk=token.pk, last_used_at=token.last_used_at).update(
            last_used_at=at, last_used_from=address
        )


@sensitive_variables("secret")
def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
