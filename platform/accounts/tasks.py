"""Background tasks of accounts."""

import datetime

from django.utils import timezone

from accounts import account_journal, attempt_delays, known_origins, passwords, throttling
from accounts.models import (
    ACCOUNT_EVENTS_KEPT,
    SEALED_ACCOUNT_EVENTS,
    AccountEvent,
    EnrolmentCode,
    ResetRequest,
    Throttle,
)
from accounts.sessions import Session
from jobs.periodic_tasks import periodic_task
from jobs.retention import declare_pruned_elsewhere, declare_retention
from jobs.tasks import task

#: Longer than any rate limit's window.
RETENTION = datetime.timedelta(days=1)

declare_retention(EnrolmentCode, kept_for=RETENTION, since="expires_at")
declare_pruned_elsewhere(Throttle, kept_for=RETENTION, since="opened_at")
declare_pruned_elsewhere(ResetRequest, kept_for=RETENTION, since="asked_at")
declare_pruned_elsewhere(Session, kept_for=RETENTION, since="expire_date")
declare_pruned_elsewhere(AccountEvent, kept_for=ACCOUNT_EVENTS_KEPT, since="at")


@periodic_task(every=datetime.timedelta(hours=6))
def delete_old_attempts() -> None:
    """Delete attempts older than any window, and password reset requests that were never processed."""
    before = timezone.now() - RETENTION
    throttling.prune(before=before)
    passwords.prune(before=before)


@periodic_task(every=datetime.timedelta(hours=1))
def delete_old_delays() -> None:
    """Delete failures that are forgotten, and devices and networks that were not used for long."""
    attempt_delays.prune()
    known_origins.prune()


@periodic_task(every=datetime.timedelta(hours=6))
def delete_expired_sessions() -> None:
    """Delete expired sessions."""
    Session.objects.filter(expire_date__lt=timezone.now()).delete()


@periodic_task(every=datetime.timedelta(minutes=10))
def seal_account_journal() -> None:
    """Seal the new events of the accounts' journal."""
    SEALED_ACCOUNT_EVENTS.seal_new_entries(at=timezone.now())


@periodic_task(every=datetime.timedelta(hours=6))
def delete_old_account_events() -> None:
    """Delete the events of accounts that are kept no longer."""
    account_journal.prune(at=timezone.now())


@task(name="accounts.reset")
def process_password_reset(*, request_id: int) -> None:
    """E-mail the password reset links of one request."""
    passwords.send_reset_emails(request_id=request_id, at=timezone.now())
