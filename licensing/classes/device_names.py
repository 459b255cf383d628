"""Keys under which a teacher's browser keeps the first names of a class: names that the server never receives.

The browser stores them encrypted. The key comes with the pages of the class, to its teachers only: who opens the
browser of a shared computer later reads nothing without signing in as one of them (docs/decisions/0125).
"""

from __future__ import annotations

import base64

from django.conf import settings
from django.utils.crypto import salted_hmac
from django.views.decorators.debug import sensitive_variables

_SALT = "licensing.classes.device_names"


@sensitive_variables()
def derive_name_keys(classroom_id: int) -> list[str]:
    """Return the AES-256 keys of a class in base64: the current one, then those of SECRET_KEY_FALLBACKS.

    The browser encrypts under the first, and still reads what it stored under the others.
    """
    return [_derive(classroom_id, secret) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]


@sensitive_variables()
def _derive(classroom_id: int, secret: str) -> str:
    mac = salted_hmac(_SALT, str(classroom_id), secret=secret, algorithm="sha256").digest()
    return base64.b64encode(mac).decode()
