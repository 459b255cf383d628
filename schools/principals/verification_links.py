"""The token of a verification link. Pure."""

from __future__ import annotations

from core.link_tokens import derive_token, generate_nonce, hash_token

__all__ = ["build_token", "generate_nonce", "hash_token"]

_SALT = "schools.principals"


def build_token(nonce: str) -> str:
    """Return the URL-safe token of a request."""
    return derive_token(nonce, salt=_SALT)
