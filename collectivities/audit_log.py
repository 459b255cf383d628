"""The audit log: who did what, when. Written by operations, in their own transaction; append-only.

An entry holds what a collectivity may know: counts and states, never a key nor a teacher's or pupil's name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.db import connection

from collectivities.models import AuditEntry
from core.copy_rows import NULL, escape_field, write_lines

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Iterable

    from accounts.models import User

#: Actor of what no user did: an expiry, a redemption on the portal, a command.
SYSTEM_ACTOR = "Pep's"

COPY_STATEMENT = (
    "COPY collectivities_auditentry (at, actor_id, actor_name, action, summary, school_id, object_type, object_id) "
    "FROM STDIN"
)


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
    """Write one entry into the current tenant's audit log. `by` is None for the system."""
    return AuditEntry.objects.create(
        at=at,
        actor_id=by.pk if by else None,
        actor_name=str(by) if by else SYSTEM_ACTOR,
        action=action,
        school_id=school_id,
        object_type=object_type,
        object_id=object_id,
        summary=summary,
    )


def record_many(entries: Iterable[NewAuditEntry], *, by: User | None, at: datetime.datetime) -> int:
    """Write many entries by one COPY and return their number: an import may write 60,000."""
    return copy_lines(build_copy_lines(entries, by=by, at=at))


def build_copy_lines(entries: Iterable[NewAuditEntry], *, by: User | None, at: datetime.datetime) -> list[str]:
    """Return the COPY lines that `copy_lines` writes, without a query."""
    # Formatted once for all lines.
    prefix = f"{at.isoformat()}\t{by.pk if by else NULL}\t{escape_field(str(by) if by else SYSTEM_ACTOR)}\t"
    return [
        f"{prefix}{action}\t{escape_field(summary)}\t{school_id}\t{object_type}\t{NULL if object_id is None else object_id}\n"
        for action, summary, school_id, object_type, object_id in entries
    ]


def copy_lines(lines: Collection[str]) -> int:
    """Write the lines of `build_copy_lines` and return their number."""
    with connection.cursor() as cursor, cursor.copy(COPY_STATEMENT) as copy:
        write_lines(copy, lines)
    return len(lines)
