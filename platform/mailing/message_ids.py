"""Message-IDs that find their message again, and that nobody else can make.

A Message-ID names schema, row and moment, and is signed: anybody may send a mail that looks like a server's report, and
only who received our message can quote it. After a restored backup a row may be another: the moment tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

from core.tenant_connection import connection
from mailing.models import Message

_SALT = "mailing.message_id"
#: Letters of the signature, four bits each.
_SIGNATURE_LENGTH = 20
_FORM = re.compile(r"<?(([a-z0-9_]{1,63})\.([0-9]{1,18})\.([0-9a-f]{1,16}))\.([0-9a-f]{20})@([a-z0-9.-]{1,190})>?")


class MessageReference(NamedTuple):
    """A message of a schema. `timestamp`: microseconds of its creation."""

    schema: str
    pk: int
    timestamp: int


def get_timestamp(message: Message) -> int:
    """Return the microseconds of a message's creation, as its Message-ID has them."""
    return int(message.created_at.timestamp() * 1_000_000)


def build_message_id(message: Message) -> str:
    """Return the Message-ID of a message of the current schema; deterministic."""
    body = f"{connection.schema_name}.{message.pk}.{get_timestamp(message):x}"
    return f"<{body}.{_sign(body, settings.SECRET_KEY)}@{settings.BASE_DOMAIN}>"


def parse_message_id(text: str) -> MessageReference | None:
    """Return what a Message-ID refers to; None unless we made it. In any case of letters: some servers change it."""
    match = _FORM.fullmatch(text.strip().lower())
    if match is None:
        return None
    body, schema, pk, timestamp, signature, domain = match.groups()
    if domain != settings.BASE_DOMAIN.lower():
        return None
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    if not any(constant_time_compare(signature, _sign(body, key)) for key in keys):
        return None
    return MessageReference(schema, int(pk), int(timestamp, 16))


def find_reference(message_ids: Iterable[str]) -> MessageReference | None:
    """Return what the first of the Message-IDs that we made refers to."""
    return next((found for text in message_ids if (found := parse_message_id(text)) is not None), None)


def _sign(body: str, key: str) -> str:
    return salted_hmac(_SALT, body, secret=key, algorithm="sha256").hexdigest()[:_SIGNATURE_LENGTH]
