"""Reads SEALING_KEYS. Pure: the settings check them before anything else is loaded."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from functools import cache

from django.core.exceptions import ImproperlyConfigured

_KEY_LENGTHS = (32, 48, 64)
_MALFORMED_KEYS = "SEALING_KEYS: each entry reads number:base64 of 32, 48 or 64 bytes."


@cache
def parse_sealing_keys(entries: tuple[str, ...]) -> Mapping[int, bytes]:
    """Return the secrets by number, in the order of the entries. Raises `ImproperlyConfigured`, without the secret."""
    keys: dict[int, bytes] = {}
    for entry in entries:
        number, _, secret = entry.partition(":")
        try:
            keys[int(number)] = base64.b64decode(secret, validate=True)
        except (ValueError, binascii.Error):
            # The entry is a secret: it must not appear in the message.
            raise ImproperlyConfigured(_MALFORMED_KEYS) from None
    if any(len(secret) not in _KEY_LENGTHS for secret in keys.values()):
        raise ImproperlyConfigured(_MALFORMED_KEYS)
    # `sealed_under` is a smallint.
    if not keys or len(keys) != len(entries) or not all(0 <= number < 2**15 for number in keys):
        raise ImproperlyConfigured("SEALING_KEYS must hold at least one entry, each with its own number below 32768.")
    return keys
