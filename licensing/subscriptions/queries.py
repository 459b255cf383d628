"""What is asked of keys and subscriptions, without changing them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licensing.subscriptions import keys, sealing

if TYPE_CHECKING:
    from licensing.subscriptions.models import ActivationKey


def key_display(key: ActivationKey) -> str:
    """Return the key as people read and type it: `NIMES-7K3M-Q9TX-2HWB`. Raises `sealing.Unsealable`.

    Whoever shows it to somebody new must see to `exposed_at`.
    """
    return keys.display(key.prefix, sealing.unseal(key.sealed_code, key.sealed_under))
