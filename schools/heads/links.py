"""The secret of the link that is sent to a school's official mailbox. Pure."""

from __future__ import annotations

from web.link_tokens import new_nonce, token_hash, token_of

__all__ = ["new_nonce", "token", "token_hash"]

_SALT = "schools.heads"


def token(nonce: str) -> str:
    """Return the token of a request, fit for an address."""
    return token_of(nonce, salt=_SALT)
