"""What is sent, and how receivers know that it comes from us: the Standard Webhooks convention.

A secret is `whsec_` and the base64 of 32 random bytes. The signature is the HMAC of « id.timestamp.body », so that
neither can be changed, nor an old event be sent again later. While a secret is being replaced, both sign.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import json
import secrets
from typing import TYPE_CHECKING

from django.core.serializers.json import DjangoJSONEncoder
from django.views.decorators.debug import sensitive_variables

from web.sealing import Sealing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from webhooks.models import Endpoint, Event

PREFIX = "whsec_"
sealing = Sealing("webhooks")


def new_secret() -> bytes:
    """Return a secret that nobody knows yet."""
    return secrets.token_bytes(32)


@sensitive_variables("secret")
def shown(secret: bytes) -> str:
    """Return a secret as people and libraries write it."""
    return PREFIX + base64.b64encode(secret).decode()


@sensitive_variables("secrets_of_it")
def secrets_of(endpoint: Endpoint, at: datetime.datetime) -> list[bytes]:
    """Return the secrets that sign at that moment, the current one first. Raises `web.sealing.Unsealable`."""
    secrets_of_it = [sealing.unseal(bytes(endpoint.sealed_secret))]
    if endpoint.sealed_previous is not None and endpoint.previous_until is not None and at < endpoint.previous_until:
        secrets_of_it.append(sealing.unseal(bytes(endpoint.sealed_previous)))
    return secrets_of_it


def body_of(event: Event) -> bytes:
    """Return what is sent: type, timestamp and data, the same at every try."""
    moment = event.at.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")
    content = {"type": event.type, "timestamp": moment, "data": event.data}
    return json.dumps(content, cls=DjangoJSONEncoder, ensure_ascii=False, separators=(",", ":")).encode()


@sensitive_variables("secrets_of_it")
def headers_of(event_id: str, body: bytes, secrets_of_it: Sequence[bytes], at: datetime.datetime) -> dict[str, str]:
    """Return the convention's three headers."""
    timestamp = str(int(at.timestamp()))
    signed = f"{event_id}.{timestamp}.".encode() + body
    signatures = [
        "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode() for secret in secrets_of_it
    ]
    return {"webhook-id": event_id, "webhook-timestamp": timestamp, "webhook-signature": " ".join(signatures)}
