"""The token of an invitation link. Pure."""

from __future__ import annotations

from web.link_tokens import new_nonce, token_hash, token_of

__all__ = ["new_nonce", "token", "token_hash"]

_SALT = "collectivities.invitation"


def token(nonce: str) -> str:
    """Return the URL-safe token of an invitation."""
    return token_of(nonce, salt=_SALT)
