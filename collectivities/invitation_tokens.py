"""The token of an invitation link. Pure."""

from __future__ import annotations

from core.link_tokens import derive_token, generate_nonce, hash_token

__all__ = ["build_token", "generate_nonce", "hash_token"]

_SALT = "collectivities.invitation"


def build_token(nonce: str) -> str:
    """Return the URL-safe token of an invitation."""
    return derive_token(nonce, salt=_SALT)
