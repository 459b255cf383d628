"""The link of a letter by which a member turns it off: signed, without a session, of one member and one letter."""

from __future__ import annotations

from typing import NamedTuple, cast

from django.conf import settings
from django.core import signing
from django.urls import reverse
from django.views.decorators.debug import sensitive_variables

from collectivities.models import Letter
from core.connections import connection
from tenants.models import Collectivity

_SALT = "collectivities.letter-links"
#: Seconds after which a link is refused.
_MAX_AGE = 400 * 24 * 3600


class LetterLink(NamedTuple):
    """What a link is about, in the current schema."""

    member_id: int
    letter: Letter


def build_stop_url(office: Collectivity, member_id: int, letter: Letter) -> str:
    """Return the address at the office's host that turns the letter off for a member of the current schema."""
    token = signing.dumps([connection.schema_name, member_id, letter.value], salt=_SALT)
    return office.office_url(reverse("letter_stop", args=[token], urlconf=settings.ROOT_URLCONF))


@sensitive_variables("token")
def read_token(token: str) -> LetterLink | None:
    """Return what the token of a link is about; None where we did not sign it for this office, or long ago."""
    try:
        schema, member_id, letter = cast("list[str]", signing.loads(token, salt=_SALT, max_age=_MAX_AGE))
    except signing.BadSignature:
        return None
    return LetterLink(int(member_id), Letter(letter)) if schema == connection.schema_name else None
