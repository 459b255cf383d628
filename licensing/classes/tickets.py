"""What « Accéder à l'application » carries to the application: who comes, for one minute and one question.

A ticket stands in an address, so whoever reads a log may read it: it is spent by then, or dead. Its hash alone is
stored, and spending deletes the row, so that of two who spend it at the same moment one succeeds.
"""

from __future__ import annotations

import datetime
import hashlib
import re
import secrets
from typing import Literal, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from django.conf import settings
from django.db import connection
from django.views.decorators.debug import sensitive_variables

from licensing.classes import entry
from licensing.classes.models import EntryTicket
from licensing.exceptions import Refused

LASTS = datetime.timedelta(minutes=1)
#: Dead tickets are kept a little: they let the application tell « too late » from « never ».
_KEPT = datetime.timedelta(hours=1)

_SPEND = "DELETE FROM classes_entryticket WHERE token_hash = %s RETURNING user_id, pupil_id, made_at"
#: Numbers that the database can hold, without a leading zero: one name a person.
_NAME = re.compile(r"(teacher|pupil)-([1-9][0-9]{0,17})")


class UnknownTicket(Refused):
    """Nobody was given it, or it was spent already."""

    code = "unknown_ticket"


class TicketExpired(Refused):
    """Its minute has passed."""

    code = "ticket_expired"


class Person(NamedTuple):
    """Whom the application asks about, by the name that it is given: `teacher-12`, `pupil-34`."""

    kind: Literal["teacher", "pupil"]
    number: int

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.number}"

    def may_enter(self, at: datetime.datetime) -> entry.Entry:
        """Return the answer for this person. Raises `entry.UnknownPerson`."""
        ask = entry.may_enter_user if self.kind == "teacher" else entry.may_enter_pupil
        return ask(self.number, at)


def person(name: str) -> Person | None:
    """Return who is called so, whether or not the account exists; None where nobody could be."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    return Person("teacher" if match[1] == "teacher" else "pupil", int(match[2]))


@sensitive_variables("secret")
def make(*, whose: Person, at: datetime.datetime) -> str:
    """Return a new ticket for a person who may enter: the caller has asked."""
    secret = secrets.token_urlsafe(32)
    owner = {"user_id": whose.number} if whose.kind == "teacher" else {"pupil_id": whose.number}
    EntryTicket.objects.create(token_hash=_hash(secret), made_at=at, **owner)
    return secret


@sensitive_variables("secret")
def spend(*, secret: str, at: datetime.datetime) -> Person:
    """Return whose ticket it is, once. Raises `UnknownTicket` or `TicketExpired`."""
    with connection.cursor() as cursor:
        cursor.execute(_SPEND, [_hash(secret)])
        row = cursor.fetchone()
    if row is None:
        raise UnknownTicket(
            "Ce ticket n'existe pas, ou a déjà servi : demandez à la personne de revenir par le portail."
        )
    user_id, pupil_id, made_at = row
    if made_at + LASTS <= at:
        raise TicketExpired("Ce ticket a plus d'une minute : demandez à la personne de revenir par le portail.")
    return Person("teacher", user_id) if user_id is not None else Person("pupil", pupil_id)


@sensitive_variables("secret")
def address(secret: str) -> str:
    """Return the application's address with the ticket, after whatever else its query says."""
    parts = urlsplit(settings.APPLICATION_URL)
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), ("ticket", secret)])
    return urlunsplit(parts._replace(query=query))


def prune(*, at: datetime.datetime) -> int:
    """Delete the tickets that nobody spent; return how many."""
    deleted, _ = EntryTicket.objects.filter(made_at__lt=at - _KEPT).delete()
    return deleted


@sensitive_variables("secret")
def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
