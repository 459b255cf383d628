"""The secret of the link that is sent to a school's official mailbox. Pure.

As with invitations: the token follows from a random nonce under the site's secret, so that the e-mail is written when
it leaves without the outbox holding the token; the database knows the nonce, which opens nothing, and the token's hash.
"""

from __future__ import annotations

import base64
import hashlib
import secrets

from django.utils.crypto import salted_hmac

_SALT = "schools.heads"


def new_nonce() -> str:
    """Return 128 random bits."""
    return secrets.token_hex(16)


def token(nonce: str) -> str:
    """Return the token of a request, fit for an address."""
    mac = salted_hmac(_SALT, nonce, algorithm="sha256").digest()
    return base64.urlsafe_b64encode(mac).decode().rstrip("=")


def token_hash(token: str) -> str:
    """Return what is stored and looked up."""
    return hashlib.sha256(token.encode()).hexdigest()
