"""Single-use tickets that identify a person to the learning application, valid for a minute.

A ticket is part of a URL and so may be logged; it is then spent or expired. Only its hash is stored, and spending it
deletes the row, so that only one of two concurrent requests succeeds.
"""

import datetime
import re
import secrets
from typing import Literal, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from django.conf import settings
from django.db import connection
from django.views.decorators.debug import sensitive_variables

from core.exceptions import DomainError
from core.links import hash_token
from licensing.classes import entry_check
from licensing.classes.models import EntryTicket

LIFETIME = datetime.timedelta(minutes=1)
#: Expired tickets are kept for a while, to tell `ticket_expired` from `unknown_ticket`.
RETENTION = datetime.timedelta(hours=1)

_SPEND_SQL = "DELETE FROM classes_entryticket WHERE token_hash = %s RETURNING user_id, pupil_id, created_at"
#: Fits in a bigint, without leading zeros, so that each person has one name.
_NAME_PATTERN = re.compile(r"(teacher|pupil)-([1-9][0-9]{0,17})")


class UnknownTicket(DomainError):
    """The ticket does not exist, or was already spent."""

    code = "unknown_ticket"


class TicketExpired(DomainError):
    """The ticket is older than a minute."""

    code = "ticket_expired"


class ApplicationUser(NamedTuple):
    """A teacher or pupil, under the name that the application uses: `teacher-12`, `pupil-34`."""

    kind: Literal["teacher", "pupil"]
    number: int

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.number}"

    def check_entry(self, at: datetime.datetime) -> entry_check.EntryDecision:
        """Return whether the person may enter. Raises `entry_check.UnknownPerson`."""
        check = entry_check.check_user_entry if self.kind == "teacher" else entry_check.check_pupil_entry
        return check(self.number, at)


def parse_person(name: str) -> ApplicationUser | None:
    """Parse a name, whether or not the account exists; None where it is malformed."""
    match = _NAME_PATTERN.fullmatch(name)
    if match is None:
        return None
    return ApplicationUser("teacher" if match[1] == "teacher" else "pupil", int(match[2]))


@sensitive_variables("secret")
def create(*, person: ApplicationUser, at: datetime.datetime) -> str:
    """Create a ticket and return its secret. The caller has checked that the person may enter."""
    secret = secrets.token_urlsafe(32)
    owner = {"user_id": person.number} if person.kind == "teacher" else {"pupil_id": person.number}
    EntryTicket.objects.create(token_hash=hash_token(secret), created_at=at, **owner)
    return secret


@sensitive_variables("secret")
def spend(*, secret: str, at: datetime.datetime) -> ApplicationUser:
    """Delete the ticket and return its person. Raises `UnknownTicket` or `TicketExpired`."""
    with connection.cursor() as cursor:
        cursor.execute(_SPEND_SQL, [hash_token(secret)])
        row = cursor.fetchone()
    if row is None:
        raise UnknownTicket(
            "Ce ticket n’existe pas, ou a déjà servi : demandez à la personne de revenir par le portail."
        )
    user_id, pupil_id, created_at = row
    if created_at + LIFETIME <= at:
        raise TicketExpired("Ce ticket a plus d’une minute : demandez à la personne de revenir par le portail.")
    return ApplicationUser("teacher", user_id) if user_id is not None else ApplicationUser("pupil", pupil_id)


@sensitive_variables("secret")
def build_url(secret: str) -> str:
    """Return the application's URL with the ticket added to its query."""
    parts = urlsplit(settings.APPLICATION_URL)
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), ("ticket", secret)])
    return urlunsplit(parts._replace(query=query))


def prune(*, at: datetime.datetime) -> int:
    """Delete expired tickets; return how many."""
    deleted, _ = EntryTicket.objects.filter(created_at__lt=at - RETENTION).delete()
    return deleted
