"""Body, headers and signature of a webhook request, after the Standard Webhooks specification.

A secret is `whsec_` and the base64 of 32 random bytes. The signature is the HMAC-SHA256 of « id.timestamp.body », which
prevents tampering and replay. During a rotation both secrets sign.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence

from django.core.serializers.json import DjangoJSONEncoder
from django.views.decorators.debug import sensitive_variables

from core.sealing import Sealer
from webhooks.models import WebhookEndpoint, WebhookEvent

PREFIX = "whsec_"
sealer = Sealer("webhooks")


def generate_secret() -> bytes:
    """Return a new random secret of 32 bytes."""
    return secrets.token_bytes(32)


@sensitive_variables("secret")
def format_secret(secret: bytes) -> str:
    """Return a secret as `whsec_` and base64."""
    return PREFIX + base64.b64encode(secret).decode()


@sensitive_variables("signing_secrets")
def get_secrets(endpoint: WebhookEndpoint, at: datetime.datetime) -> list[bytes]:
    """Return the secrets that sign at a time, the current one first. Raises `core.sealing.UnsealError`."""
    signing_secrets = [sealer.unseal(bytes(endpoint.sealed_secret))]
    if endpoint.sealed_previous is not None and endpoint.previous_until is not None and at < endpoint.previous_until:
        signing_secrets.append(sealer.unseal(bytes(endpoint.sealed_previous)))
    return signing_secrets


def build_body(event: WebhookEvent) -> bytes:
    """Return the JSON body: type, timestamp and data; the same at every attempt."""
    moment = event.at.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")
    content = {"type": event.type, "timestamp": moment, "data": event.data}
    return json.dumps(content, cls=DjangoJSONEncoder, ensure_ascii=False, separators=(",", ":")).encode()


@sensitive_variables("signing_secrets")
def build_headers(
    event_id: str, body: bytes, signing_secrets: Sequence[bytes], at: datetime.datetime
) -> dict[str, str]:
    """Return the three headers of Standard Webhooks."""
    timestamp = str(int(at.timestamp()))
    signed = f"{event_id}.{timestamp}.".encode() + body
    signatures = [
        "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
        for secret in signing_secrets
    ]
    return {"webhook-id": event_id, "webhook-timestamp": timestamp, "webhook-signature": " ".join(signatures)}
