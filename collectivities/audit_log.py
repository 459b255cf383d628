"""The audit log: who did what, when. Written by operations, in their own transaction; append-only.

An entry holds what a collectivity may know: counts and states, never a key nor a teacher's or pupil's name.
"""

import datetime
from collections.abc import Iterable
from typing import NamedTuple

from django.db.models import Q

from accounts.models import Profile, User
from collectivities.models import AuditEntry
from core.calendar import PARIS
from core.connections import connection
from core.copy_rows import copy_rows
from jobs import due

#: Actor of what no user did: an expiry, a redemption on the portal, a command.
SYSTEM_ACTOR = "Pep's"
#: Kind of the due work that seals the journal, some minutes after an entry: one seal for many of them.
SEAL_JOURNAL, SEALING_DELAY = "collectivities.seal_journal", datetime.timedelta(minutes=10)

#: The last five are the fields of `NewAuditEntry`.
_COLUMNS = {
    "at": "timestamptz",
    "actor_id": "int8",
    "actor_name": "varchar",
    "actor_username": "varchar",
    "action": "varchar",
    "summary": "text",
    "school_id": "varchar",
    "object_type": "varchar",
    "object_id": "int8",
}


class NewAuditEntry(NamedTuple):
    """An entry to write with `record_many`."""

    action: str
    summary: str
    school_id: str = ""
    object_type: str = ""
    object_id: int | None = None


def record(
    *,
    action: str,
    by: User | None,
    at: datetime.datetime,
    summary: str,
    school_id: str = "",
    object_type: str = "",
    object_id: int | None = None,
) -> AuditEntry:
    """Write one entry into the current tenant's audit log, and have it sealed. `by` is None for the system."""
    actor_id, actor_name, actor_username = _describe_actor(by)
    schedule_sealing(at)
    return AuditEntry.objects.create(
        at=at,
        actor_id=actor_id,
        actor_name=actor_name,
        actor_username=actor_username,
        action=action,
        school_id=school_id,
        object_type=object_type,
        object_id=object_id,
        summary=summary,
    )


def record_many(entries: Iterable[NewAuditEntry], *, by: User | None, at: datetime.datetime) -> int:
    """Write many entries by one COPY and return their number: an import may write 60,000."""
    actor = _describe_actor(by)
    rows = [(at, *actor, *entry) for entry in entries]
    if rows:
        copy_rows(AuditEntry._meta.db_table, _COLUMNS, rows)  # noqa: SLF001 - Django's documented way to the name
        schedule_sealing(at)
    return len(rows)


def written_as(*, at: datetime.datetime, summary: str) -> Q:
    """Return the condition on entries that were written as of a moment, or that the database dated later than it."""
    dated_later = f"{summary} (Date indiquée : le {at.astimezone(PARIS):%d/%m/%Y à %H h %M}.)"
    return Q(at=at, summary=summary) | Q(at__gt=at, summary=dated_later)


def schedule_sealing(at: datetime.datetime) -> None:
    """Have the entries of a moment sealed in the current collectivity's journal."""
    due.schedule(SEAL_JOURNAL, connection.schema_name, at + SEALING_DELAY)


def _describe_actor(by: User | None) -> tuple[int | None, str, str]:
    """Return the actor's id, name and username; API tokens are known by their name alone."""
    if by is None:
        return None, SYSTEM_ACTOR, ""
    return by.pk, str(by), "" if by.profile == Profile.PROGRAM else by.username
