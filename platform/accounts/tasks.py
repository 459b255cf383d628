"""Background tasks of accounts."""

from __future__ import annotations

import datetime

from django.utils import timezone

from accounts import resets, throttling
from accounts.models import Session
from jobs.tasks import task
from jobs.upkeep import duty

#: Longer than any rate limit's window.
KEPT = datetime.timedelta(days=1)


@duty(every=datetime.timedelta(hours=6))
def forget_tries() -> None:
    """Delete attempts older than any window, and password reset requests that were never processed."""
    before = timezone.now() - KEPT
    throttling.prune(before=before)
    resets.prune(before=before)


@duty(every=datetime.timedelta(hours=6))
def forget_sessions() -> None:
    """Delete expired sessions."""
    Session.objects.filter(expire_date__lt=timezone.now()).delete()


@task(name="accounts.reset")
def answer_reset(*, request_id: int) -> None:
    """E-mail the password reset links of one request."""
    resets.answer(request_id=request_id, at=timezone.now())
