"""The journal: who did what, when. Written by operations, in the transaction of what they do; never changed.

An entry says no more than a collectivity may know: counts and states, never a key, a teacher's or a pupil's name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.db import connection

from collectivities.models import AuditEntry

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable

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
    """Write many lines by one COPY, and return how many: an import of 60,000 rows tells each school's timeline."""
    # Written once and not for each line: the moment as text, the author's name.
    same = (at.isoformat(), by.pk if by else None, str(by) if by else THE_MACHINE)
    count = 0
    with connection.cursor() as cursor, cursor.copy(COPY) as copy:
        for entry in entries:
            copy.write_row(same + entry)
            count += 1
    return count
