"""The journal: who did what, when. Written by operations, in the transaction of what they do; never changed.

An entry says no more than a collectivity may know: counts and states, never a key, a teacher's or a pupil's name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.db import connection

from collectivities.models import AuditEntry
from web.copying import NULL, field, write_lines

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Iterable

    from accounts.models import User

#: The author of what no person did: an expiry, a redemption on the portal, a command.
THE_MACHINE = "Pep's"

COPY = (
    "COPY collectivities_auditentry (at, actor_id, actor_name, action, summary, school_id, object_type, object_id) "
    "FROM STDIN"
)


class Entry(NamedTuple):
    """One line of the journal, for `record_many`."""

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
    """Write one line in the journal of the collectivity that is entered. `by` None: the machine."""
    return AuditEntry.objects.create(
        at=at,
        actor_id=by.pk if by else None,
        actor_name=str(by) if by else THE_MACHINE,
        action=action,
        school_id=school_id,
        object_type=object_type,
        object_id=object_id,
        summary=summary,
    )


def record_many(entries: Iterable[Entry], *, by: User | None, at: datetime.datetime) -> int:
    """Write many lines by one COPY, and return how many: a list of 60,000 schools tells each one's timeline."""
    return record_lines(lines_of(entries, by=by, at=at))


def lines_of(entries: Iterable[Entry], *, by: User | None, at: datetime.datetime) -> list[str]:
    """Return the lines that `record_lines` writes; the database is not asked."""
    # Made once and not for each line: the moment, the author.
    same = f"{at.isoformat()}\t{by.pk if by else NULL}\t{field(str(by) if by else THE_MACHINE)}\t"
    return [
        f"{same}{action}\t{field(summary)}\t{school}\t{what}\t{NULL if number is None else number}\n"
        for action, summary, school, what, number in entries
    ]


def record_lines(lines: Collection[str]) -> int:
    """Write what `lines_of` returned, and return how many lines it is."""
    with connection.cursor() as cursor, cursor.copy(COPY) as copy:
        write_lines(copy, lines)
    return len(lines)
