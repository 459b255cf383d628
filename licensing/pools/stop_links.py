"""The link of a reminder by which a school stops them: signed, without a session, of one allocation."""

from __future__ import annotations

from typing import NamedTuple

from django.core import signing
from django.views.decorators.debug import sensitive_variables

from core.connections import connection
from core.links import portal_url

_SALT = "pools.stop-links"
#: Seconds after which a link is refused: no reminder of a school year is older.
_MAX_AGE = 400 * 24 * 3600


class StopLink(NamedTuple):
    """What a link is about."""

    schema: str
    allocation_id: int


def build_stop_url(allocation_id: int) -> str:
    """Return the address that stops the reminders of an allocation of the current schema."""
    token = signing.dumps([connection.schema_name, allocation_id], salt=_SALT)
    return portal_url(f"/relances/arreter/{token}/")


@sensitive_variables("token")
def read_stop_token(token: str) -> StopLink | None:
    """Return what the token of a link is about; None where we did not sign it, or long ago."""
    try:
        schema, allocation_id = signing.loads(token, salt=_SALT, max_age=_MAX_AGE)
    except signing.BadSignature:
        return None
    return StopLink(schema, allocation_id)
