"""API tokens: creation, lookup, revocation.

A secret is 256 random bits, of which only a SHA-256 hash is stored. Lookup is in the current tenant's schema, so
another tenant's token is not found.
"""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import secrets
import uuid
from collections.abc import Collection
from typing import NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.views.decorators.debug import sensitive_variables
from django_tenants.utils import get_public_schema_name, schema_context

from accounts.models import Profile, User
from api.models import Token
from api.scopes import TokenScope
from core.exceptions import DomainError

#: Identifies the token for people and for secret scanners.
PREFIX = "peps_api_"
_HINT_LENGTH = len(PREFIX) + 6
MAX_NAME_LENGTH = 80
#: Maximum validity: two years.
MAX_LIFETIME = datetime.timedelta(days=731)
#: `last_used_at` is updated at most once a minute, to save a write per request.
_USE_RESOLUTION = datetime.timedelta(minutes=1)


class InvalidTokenSettings(DomainError):
    """A setting of the new token is invalid; `field` names it."""

    code = "invalid_token_settings"

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


class TokenAlreadyCreated(DomainError):
    """The same form was submitted twice: the secret was only in the first response."""

    code = "token_already_created"


class NewToken(NamedTuple):
    """A new token and its secret, which is not stored."""

    token: Token
    secret: str


@sensitive_variables("secret")
@transaction.atomic
def create(
    *,
    name: str,
    scopes: Collection[str],
    expires_at: datetime.datetime,
    networks: Collection[str] = (),
    form: uuid.UUID | None = None,
    by: User | None,
    at: datetime.datetime,
) -> NewToken:
    """Create a token and return it with its secret, which cannot be shown again.

    `form`: id of the submitted form, which creates one token however often it is submitted. Raises
    `TokenAlreadyCreated`, or `InvalidTokenSettings` for the name, scopes, expiry (within two years) or networks.
    """
    _check_form_not_used(form)
    name = " ".join(name.split())
    if not 0 < len(name) <= MAX_NAME_LENGTH:
        raise InvalidTokenSettings("name", "Donnez un nom au jeton, de 80 caractères au plus : celui de son logiciel.")
    valid_scopes = [scope for scope in TokenScope.values if scope in set(scopes)]
    if not valid_scopes or len(valid_scopes) != len(set(scopes)):
        raise InvalidTokenSettings("scopes", "Cochez au moins un droit.")
    if not at < expires_at <= at + MAX_LIFETIME:
        raise InvalidTokenSettings("expires_at", "Choisissez un dernier jour à venir, dans deux ans au plus.")
    secret = PREFIX + secrets.token_urlsafe(32)
    token = Token(
        name=name,
        form=form,
        token_hash=_hash(secret),
        hint=secret[:_HINT_LENGTH],
        scopes=valid_scopes,
        networks=list(dict.fromkeys(_parse_network(text) for text in networks)),
        account=_create_account(name, at),
        created_at=at,
        created_by_id=by.pk if by else None,
        expires_at=expires_at,
    )
    try:
        with transaction.atomic():
            token.save()
    except IntegrityError:
        # Concurrent submissions: the second one waited for the first.
        _check_form_not_used(form)
        raise
    return NewToken(token, secret)


def _check_form_not_used(form: uuid.UUID | None) -> None:
    if form is not None and Token.objects.filter(form=form).exists():
        raise TokenAlreadyCreated(
            "Ce formulaire a déjà créé un jeton, montré une seule fois. Si vous ne l'avez pas copié, révoquez-le et "
            "créez-en un autre."
        )


def _create_account(name: str, at: datetime.datetime) -> User:
    """Create the token's user account, without password or e-mail address."""
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


def _parse_network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text.strip(), strict=False))
    except ValueError:
        raise InvalidTokenSettings(
            "networks",
            f"« {text.strip()} » n'est ni une adresse IP ni un réseau : écrivez 203.0.113.7 ou 203.0.113.0/24.",
        ) from None


@transaction.atomic
def revoke(*, token_id: int, by: User | None, at: datetime.datetime) -> Token | None:
    """Revoke a token and return it; None if it does not exist. Idempotent."""
    token = Token.objects.locked().filter(pk=token_id).first()
    if token is not None and token.revoked_at is None:
        token.revoked_at, token.revoked_by_id = at, by.pk if by else None
        token.save(update_fields=["revoked_at", "revoked_by_id"])
    return token


@sensitive_variables("secret")
def find(secret: str) -> Token | None:
    """Return the tenant's token with this secret, whatever its state; None if there is none."""
    return Token.objects.prefetch_related("account").filter(token_hash=_hash(secret)).first()


def is_allowed_from(token: Token, address: str) -> bool:
    """Whether the token may be used from this IP address."""
    if not token.networks:
        return True
    client_ip = ipaddress.ip_address(address)
    if isinstance(client_ip, ipaddress.IPv6Address) and client_ip.ipv4_mapped is not None:
        client_ip = client_ip.ipv4_mapped
    return any(client_ip in ipaddress.ip_network(network) for network in token.networks)


def record_use(token: Token, *, address: str, at: datetime.datetime) -> None:
    """Record the last use, at most once a minute; of concurrent requests one writes."""
    if token.last_used_at is None or token.last_used_at <= at - _USE_RESOLUTION:
        Token.objects.filter(pk=token.pk, last_used_at=token.last_used_at).update(
            last_used_at=at, last_used_from=address
        )


def list_event_readers(at: datetime.datetime) -> QuerySet[Token]:
    """Return the valid tokens whose scopes give access to events or their deliveries."""
    return Token.objects.valid_at(at).filter(scopes__overlap=[TokenScope.READ, TokenScope.WEBHOOKS])


@sensitive_variables("secret")
def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
