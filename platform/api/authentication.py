"""Bearer token authentication. Session cookies are ignored, so the API needs no CSRF protection."""

from __future__ import annotations

import datetime

from django.conf import settings
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.request import Request

from accounts import throttling
from accounts.client_ip import get_client_ip
from accounts.models import User
from api import tokens
from api.models import Token
from api.problem_details import ApiProblem

#: Invalid tokens per client network.
INVALID_TOKEN_LIMIT = throttling.RateLimit("api/address", 60, datetime.timedelta(minutes=15))
_MINUTE = datetime.timedelta(minutes=1)
_HEADER = 'Bearer realm="Pep\'s"'


class Unauthorised(ApiProblem):
    """No valid token was sent."""

    status_code = 401
    auth_header = _HEADER


class TooManyRequests(ApiProblem):
    """Too many requests; `Retry-After` holds the seconds to wait."""

    status_code = 429


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
        token = tokens.find(secret)
        if token is None:
            # Counted, not blocked: 256 bits cannot be guessed, and one client must not lock out its whole network.
            _count_invalid_token(address, at)
            raise Unauthorised("invalid_token", "Ce jeton n'est pas de ce bureau : demandez-en un à un gestionnaire.")
        if token.revoked_at is not None:
            raise Unauthorised("token_revoked", "Ce jeton a été révoqué : demandez-en un autre à un gestionnaire.")
        if token.expires_at <= at:
            raise Unauthorised("token_expired", "Ce jeton a expiré : demandez-en un autre à un gestionnaire.")
        if not tokens.is_allowed_from(token, address):
            raise ApiProblem(
                "network_not_allowed", "Ce jeton ne s'utilise pas depuis cette adresse réseau.", status_code=403
            )
        [tried] = throttling.increment_counters([(get_request_limit(), token.token_hash)], at=at)
        request._request.api_rate_limit = tried  # type: ignore[attr-defined]  # noqa: SLF001 - for the response headers
        if tried.is_over:
            raise TooManyRequests(
                "too_many_requests",
                f"Ce jeton a fait ses {tried.limit.tries} requêtes de la minute : patientez.",
                retry_after=_seconds_to_reset(tried),
            )
        tokens.record_use(token, address=address, at=at)
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
        raise TooManyRequests("too_many_requests", str(throttled), retry_after=throttled.retry_after) from None


class TokenSchemeExtension(OpenApiAuthenticationExtension):
    """OpenAPI security scheme of the API tokens."""

    target_class = BearerTokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """Return the security scheme object."""
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "Un jeton du bureau (« Réglages » → « API »), montré une seule fois à qui le crée.",
        }
