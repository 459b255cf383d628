"""The audit log: who did what, when. Written by operations, in their own transaction; append-only.

An entry holds what a collectivity may know: counts and states, never a key nor a teacher's or pupil's name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from collectivities.models import AuditEntry
from core.copy_rows import copy_rows

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable

    from accounts.models import User

#: Actor of what no user did: an expiry, a redemption on the portal, a command.
SYSTEM_ACTOR = "Pep's"

#: The last five are the fields of `NewAuditEntry`.
_COLUMNS = {
    "at": "timestamptz",
    "actor_id": "int8",
    "actor_name": "varchar",
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
    actor_id, actor_name = (by.pk, str(by)) if by else (None, SYSTEM_ACTOR)
    rows = [(at, actor_id, actor_name, *entry) for entry in entries]
    if rows:
        copy_rows(AuditEntry._meta.db_table, _COLUMNS, rows)  # noqa: SLF001 - Django's documented way to the name
    return len(rows)
