"""The secret of a link that an e-mail carries. Pure.

The token follows from a random nonce under the site's secret, so that the e-mail can be written when it leaves without
the outbox holding the token; the database knows the nonce, which opens nothing, and the token's hash.
"""

from __future__ import annotations

import base64
import hashlib
import secrets

from django.utils.crypto import salted_hmac


def new_nonce() -> str:
    """Return 128 random bits."""
    return secrets.token_hex(16)


def token_of(nonce: str, *, salt: str) -> str:
    """Return the token, fit for an address; `salt`: what the link is for, so that it opens nothing else."""
    mac = salted_hmac(salt, nonce, algorithm="sha256").digest()
    return base64.urlsafe_b64encode(mac).decode().rstrip("=")


def token_hash(token: str) -> str:
    """Return what is stored and looked up."""
    return hashlib.sha256(token.encode()).hexdigest()
