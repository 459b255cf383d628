"""`Authorization: Bearer <token>`, and nothing else: a session is not looked at, so no other site can use one."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header

from accounts import throttling
from accounts.addresses import client_address
from api import tokens
from api.problems import Problem

if TYPE_CHECKING:
    from rest_framework.request import Request

    from accounts.models import User
    from api.models import Token

#: Wrong tokens, for a network.
BAD_TOKENS = throttling.Limit("api/address", 60, datetime.timedelta(minutes=15))
_MINUTE = datetime.timedelta(minutes=1)
_HEADER = 'Bearer realm="Pep\'s"'


class Unauthorised(Problem):
    """Nobody is known to ask."""

    status_code = 401
    auth_header = _HEADER


class Throttled(Problem):
    """Too many requests; `Retry-After` says in how many seconds to come back."""

    status_code = 429


def requests_a_minute() -> throttling.Limit:
    """Return how many requests a token may make."""
    return throttling.Limit("api/token", settings.API_REQUESTS_A_MINUTE, _MINUTE)


class BearerToken(BaseAuthentication):
    """Recognises a token of the collectivity whose host is asked; `request.auth` is the token."""

    @sensitive_variables()
    def authenticate(self, request: Request) -> tuple[User, Token]:
        """Return the token with its account. Raises a `Problem` that says which of its limits was met."""
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != b"bearer":
            raise Unauthorised("not_authenticated", "Montrez un jeton : « Authorization: Bearer … ».")
        at, address = timezone.now(), client_address(request)
        shown = words[1].decode("latin-1") if len(words) == 2 else ""  # noqa: PLR2004 - the word and the token
        token = tokens.find(shown)
        if token is None:
            # Not refused beforehand: 256 bits are not guessed, and a network that tries must not shut out the others.
            _count_wrong(address, at)
            raise Unauthorised("invalid_token", "Ce jeton n'est pas de ce bureau : demandez-en un à un gestionnaire.")
        if token.revoked_at is not None:
            raise Unauthorised("token_revoked", "Ce jeton a été révoqué : demandez-en un autre à un gestionnaire.")
        if token.expires_at <= at:
            raise Unauthorised("token_expired", "Ce jeton a expiré : demandez-en un autre à un gestionnaire.")
        if not tokens.is_allowed_from(token, address):
            raise Problem(
                "network_not_allowed", "Ce jeton ne s'utilise pas depuis cette adresse réseau.", status_code=403
            )
        [tried] = throttling.tally([(requests_a_minute(), f"{request.get_host()}/{token.pk}")], at=at)
        request._request.api_tried = tried  # type: ignore[attr-defined]  # noqa: SLF001 - for the answer's headers
        if tried.is_over:
            raise Throttled(
                "too_many_requests",
                f"Ce jeton a fait ses {tried.limit.tries} requêtes de la minute : patientez.",
                retry_after=_seconds(tried),
            )
        tokens.note_use(token, address=address, at=at)
        return token.account, token

    def authenticate_header(self, request: Request) -> str:
        """Return what a 401 asks for."""
        return _HEADER


def rate_headers(tried: throttling.Tried) -> dict[str, str]:
    """Return the headers of the IETF's draft « RateLimit header fields for HTTP »."""
    quota, left = tried.limit.tries, max(0, tried.limit.tries - tried.tries)
    return {
        "RateLimit-Policy": f'"minute";q={quota};w={int(_MINUTE.total_seconds())}',
        "RateLimit": f'"minute";r={left};t={_seconds(tried)}',
    }


def _seconds(tried: throttling.Tried) -> int:
    return max(1, -(-int(tried.reopens_in.total_seconds() * 1000) // 1000))


def _count_wrong(address: str, at: datetime.datetime) -> None:
    try:
        throttling.count([(BAD_TOKENS, throttling.network(address))], at=at)
    except throttling.Throttled as throttled:
        raise Throttled("too_many_requests", str(throttled), retry_after=throttled.retry_after) from None


class TokenScheme(OpenApiAuthenticationExtension):
    """How tokens are told in the OpenAPI description."""

    target_class = BearerToken
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """Return it."""
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "Un jeton du bureau (« Réglages » → « API »), montré une seule fois à qui le crée.",
        }
