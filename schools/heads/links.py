"""The token of a verification link. Pure."""

from __future__ import annotations

from web.link_tokens import new_nonce, token_hash, token_of

__all__ = ["new_nonce", "token", "token_hash"]

_SALT = "schools.heads"


def token(nonce: str) -> str:
    """Return the URL-safe token of a request."""
    return token_of(nonce, salt=_SALT)
