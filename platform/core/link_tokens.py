"""Secret tokens of links in e-mails, and the hash under which any token is stored. Pure.

The token of a link is an HMAC of a random nonce under SECRET_KEY, so that an e-mail can be rendered when it is sent
without the outbox storing the token. The database holds only the nonce and the token's hash.
"""

from __future__ import annotations

import base64
import hashlib
import secrets

from django.utils.crypto import salted_hmac
from django.views.decorators.debug import sensitive_variables


def generate_nonce() -> str:
    """Return 128 random bits in hexadecimal."""
    return secrets.token_hex(16)


def derive_token(nonce: str, *, salt: str) -> str:
    """Return the URL-safe token of a nonce; `salt`: purpose of the link, which it is limited to."""
    mac = salted_hmac(salt, nonce, algorithm="sha256").digest()
    return base64.urlsafe_b64encode(mac).decode().rstrip("=")


@sensitive_variables("token")
def hash_token(token: str) -> str:
    """Return the hash under which a token is stored and looked up."""
    return hashlib.sha256(token.encode()).hexdigest()
