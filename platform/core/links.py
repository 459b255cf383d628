"""Absolute URLs for use outside of a request, and the secret tokens of links in e-mails."""

import base64
import hashlib
import secrets

from django.conf import settings
from django.utils.crypto import salted_hmac
from django.views.decorators.debug import sensitive_variables

# Secret tokens of links in e-mails, and the hash under which any token is stored.
#
# It stands in the fragment, which no server and no log of one sees: a page posts it once (`web.link_page`).
#
# The token of a link is an HMAC of a random nonce under SECRET_KEY, so that an e-mail can be rendered when it is sent
# without the outbox storing the token. The database holds only the nonce and the token's hash.

#: Name of the token in the fragment of a link, and in the form that posts it.
LINK_FIELD = "jeton"


def add_token(address: str, token: str) -> str:
    """Return the address of a link with its URL-safe token in the fragment."""
    return f"{address}#{LINK_FIELD}={token}"


def generate_nonce() -> str:
    """Return 128 random bits in hexadecimal."""
    return secrets.token_hex(16)


def derive_token(nonce: str, *, salt: str, stored_hash: str = "") -> str:
    """Return the URL-safe token of a nonce; `salt`: purpose of the link, which it is limited to.

    `stored_hash`: where the hash is stored already, the token is derived from the secret that it was made from, which
    may be one of SECRET_KEY_FALLBACKS by now.
    """
    current = _derive(nonce, salt, settings.SECRET_KEY)
    if not stored_hash or hash_token(current) == stored_hash:
        return current
    earlier = (_derive(nonce, salt, secret) for secret in settings.SECRET_KEY_FALLBACKS)
    return next((token for token in earlier if hash_token(token) == stored_hash), current)


@sensitive_variables()
def _derive(nonce: str, salt: str, secret: str) -> str:
    mac = salted_hmac(salt, nonce, secret=secret, algorithm="sha256").digest()
    return base64.urlsafe_b64encode(mac).decode().rstrip("=")


@sensitive_variables("token")
def hash_token(token: str) -> str:
    """Return the hash under which a token is stored and looked up."""
    return hashlib.sha256(token.encode()).hexdigest()


def build_absolute_url(host: str, path: str = "/") -> str:
    """Return the absolute URL of `path` at `host`, with the public scheme and port."""
    scheme = "https" if settings.SECURE else "http"
    port = f":{settings.PUBLIC_PORT}" if settings.PUBLIC_PORT else ""
    return f"{scheme}://{host}{port}/{path.removeprefix('/')}"


def portal_url(path: str = "/") -> str:
    """Return the absolute URL of a page of the portal."""
    return build_absolute_url(settings.BASE_DOMAIN, path)
