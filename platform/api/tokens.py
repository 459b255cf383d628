"""API tokens: their creation and revocation, and the authentication of requests by them.

A secret is 256 random bits, of which only a SHA-256 hash is stored. Lookup is in the current tenant's schema, so
another tenant's token is not found.
"""

import datetime
import hashlib
import ipaddress
import secrets
import uuid
from collections.abc import Collection
from typing import NamedTuple

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
from django_tenants.utils import get_public_schema_name, schema_context
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.request import Request

from accounts import throttling
from accounts.known_origins import get_client_ip
from accounts.models import Profile, User
from api.models import Token, TokenScope
from api.problem_details import ApiProblem
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


#: Invalid tokens per client network.
INVALID_TOKEN_LIMIT = throttling.RateLimit("api/address", 60, datetime.timedelta(minutes=15))
_MINUTE = datetime.timedelta(minutes=1)
_HEADER = 'Bearer realm="Pep\'s"'


class Unauthorised(ApiProblem):
    """No valid token was sent."""

    status_code = 401
    auth_header = _HEADER


def get_request_limit() -> throttling.RateLimit:
    """Return the request rate limit of one token."""
    return throttling.RateLimit("api/token", settings.API_REQUESTS_PER_MINUTE, _MINUTE)


class BearerTokenAuthentication(BaseAuthentication):
    """Authenticates tokens of the current tenant; sets `request.auth` to the token."""

    @sensitive_variables()
    def authenticate(self, request: Request) -> tuple[User, Token]:
        """Return the token's account and the token. Raises an `ApiProblem` that names the failed check."""
        header_parts = get_authorization_header(request).split()
        if not header_parts or header_parts[0].lower() != b"bearer":
            raise Unauthorised("not_authenticated", "Montrez un jeton : « Authorization: Bearer … ».")
        at, address = timezone.now(), get_client_ip(request)
        secret = header_parts[1].decode("latin-1") if len(header_parts) == 2 else ""  # noqa: PLR2004 - the scheme and the token
        token = find(secret)
        if token is None:
            # Counted, not blocked: 256 bits cannot be guessed, and one client must not lock out its whole network.
            _count_invalid_token(address, at)
            raise Unauthorised("invalid_token", "Ce jeton n'est pas de ce bureau : demandez-en un à un gestionnaire.")
        if token.revoked_at is not None:
            raise Unauthorised("token_revoked", "Ce jeton a été révoqué : demandez-en un autre à un gestionnaire.")
        if token.expires_at <= at:
            raise Unauthorised("token_expired", "Ce jeton a expiré : demandez-en un autre à un gestionnaire.")
        if not is_allowed_from(token, address):
            raise ApiProblem(
                "network_not_allowed", "Ce jeton ne s'utilise pas depuis cette adresse réseau.", status_code=403
            )
        [tried] = throttling.increment_counters([(get_request_limit(), token.token_hash)], at=at)
        request._request.api_rate_limit = tried  # type: ignore[attr-defined]  # noqa: SLF001 - for the response headers
        if tried.is_over:
            raise ApiProblem(
                "too_many_requests",
                f"Ce jeton a fait ses {tried.limit.tries} requêtes de la minute : patientez.",
                status_code=429,
                retry_after=_seconds_to_reset(tried),
            )
        record_use(token, address=address, at=at)
        return token.account, token

    def authenticate_header(self, request: Request) -> str:
        """Return the `WWW-Authenticate` header of a 401 response."""
        return _HEADER


def build_rate_limit_headers(tried: throttling.AttemptCounter) -> dict[str, str]:
    """Return the rate limit headers of the IETF draft « RateLimit header fields for HTTP »."""
    quota, remaining = tried.limit.tries, max(0, tried.limit.tries - tried.tries)
    return {
        "RateLimit-Policy": f'"minute";q={quota};w={int(_MINUTE.total_seconds())}',
        "RateLimit": f'"minute";r={remaining};t={_seconds_to_reset(tried)}',
    }


def _seconds_to_reset(tried: throttling.AttemptCounter) -> int:
    return max(1, -(-int(tried.resets_in.total_seconds() * 1000) // 1000))


def _count_invalid_token(address: str, at: datetime.datetime) -> None:
    try:
        throttling.count_attempts([(INVALID_TOKEN_LIMIT, throttling.get_network(address))], at=at)
    except throttling.RateLimitExceeded as throttled:
        raise ApiProblem(
            "too_many_requests", str(throttled), status_code=429, retry_after=throttled.retry_after
        ) from None
