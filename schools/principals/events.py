"""The history of a school's principals. Written here only, in the caller's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schools.models import PrincipalEvent

if TYPE_CHECKING:
    import datetime

    from accounts.models import User


def record(
    kind: PrincipalEvent.Kind, *, school_id: str, user: User, by: User | None, at: datetime.datetime, means: str = ""
) -> PrincipalEvent:
    """Record an event about `user`, caused by `by`, if known."""
    return PrincipalEvent.objects.create(school_id=school_id, kind=kind, user=user, by=by, means=means, at=at)
