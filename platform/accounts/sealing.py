"""Sealing of second factor secrets at rest, so that a copy of the database gives no valid code.

After `accounts.second_factor.reseal`, older sealing keys can be removed.
"""

from __future__ import annotations

from django.views.decorators.debug import sensitive_variables

from core.sealing import Sealer

_sealing = Sealer("accounts.second-factor")


@sensitive_variables("secret")
def seal(secret: str) -> str:
    """Return the secret sealed under the current key."""
    return _sealing.seal(secret.encode()).decode()


def unseal(sealed: str) -> str:
    """Return the secret. Raises `UnsealError`."""
    return _sealing.unseal(sealed.encode()).decode()


def reseal_secret(sealed: str) -> str:
    """Return the same secret sealed under the current key. Raises `UnsealError`."""
    return _sealing.reseal(sealed.encode()).decode()
