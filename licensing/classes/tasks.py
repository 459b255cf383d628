"""Background and periodic tasks of classes."""

from __future__ import annotations

import datetime

from django.utils import timezone

from accounts.models import User
from jobs.tasks import task
from jobs.upkeep import duty
from licensing.classes import operations, purging, tickets
from licensing.exceptions import Refused


@task(name="classes.invite")
def invite(*, classroom_id: int, username: str, by_id: int, asked_at: str) -> None:
    """Invite the teacher with this username, if any; do nothing where the situation changed meanwhile."""
    try:
        operations.invite(
            classroom_id=classroom_id,
            username=username,
            by=User.objects.get(pk=by_id),
            at=datetime.datetime.fromisoformat(asked_at),
        )
    except Refused:
        return


@duty(every=datetime.timedelta(days=1))
def erase_pupils() -> None:
    """Warn teachers whose pupils will be erased, and erase pupils whose retention has passed."""
    at = timezone.now()
    purging.warn(at=at)
    purging.erase(at=at)


@duty(every=datetime.timedelta(hours=1))
def forget_tickets() -> None:
    """Delete expired tickets."""
    tickets.prune(at=timezone.now())
