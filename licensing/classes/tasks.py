"""Work of classes outside requests."""

from __future__ import annotations

import datetime

from accounts.models import User
from jobs.tasks import task
from licensing.classes import operations
from licensing.exceptions import Refused


@task(name="classes.invite")
def invite(*, classroom_id: int, username: str, by_id: int, asked_at: str) -> None:
    """Invite the teacher who has this identifiant, if there is one. Nothing where things changed meanwhile."""
    try:
        operations.invite(
            classroom_id=classroom_id,
            username=username,
            by=User.objects.get(pk=by_id),
            at=datetime.datetime.fromisoformat(asked_at),
        )
    except Refused:
        return
