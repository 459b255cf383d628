"""What happened to who leads a school: written here alone, in the transaction of what happens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schools.models import HeadEvent

if TYPE_CHECKING:
    import datetime

    from accounts.models import User


def record(
    kind: HeadEvent.Kind, *, school_id: str, user: User, by: User | None, at: datetime.datetime, means: str = ""
) -> HeadEvent:
    """Write one line: it is about `user`; `by` caused it, where a person who is known did."""
    return HeadEvent.objects.create(school_id=school_id, kind=kind, user=user, by=by, means=means, at=at)
