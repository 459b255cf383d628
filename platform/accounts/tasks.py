"""What workers do for accounts."""

from __future__ import annotations

import datetime

from django.utils import timezone

from accounts import resets, throttling
from accounts.models import Session
from jobs.tasks import task
from jobs.upkeep import duty

#: Longer than any window: what is older limits nobody.
KEPT = datetime.timedelta(days=1)


@duty(every=datetime.timedelta(hours=6))
def forget_tries() -> None:
    """Forget the tries of windows that have long passed, and passwords asked for that no worker came to answer."""
    before = timezone.now() - KEPT
    throttling.prune(before=before)
    resets.prune(before=before)


@duty(every=datetime.timedelta(hours=6))
def forget_sessions() -> None:
    """Forget the sessions that have run out."""
    Session.objects.filter(expire_date__lt=timezone.now()).delete()


@task(name="accounts.reset")
def answer_reset(*, request_id: int) -> None:
    """Write to the accounts of an address whose password was forgotten."""
    resets.answer(request_id=request_id, at=timezone.now())
