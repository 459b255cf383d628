"""Tasks of the office: what happened to its members' accounts, and the sealing of its journal."""

import datetime

from django.utils import timezone
from procrastinate import RetryStrategy

from collectivities import personal_data
from collectivities.audit_log import SEAL_JOURNAL, schedule_sealing
from collectivities.models import INVITATION_KEPT, SEALED_AUDIT_LOG, Invitation, MemberLetter
from collectivities.operations.members import CHECK_OFFICE, check_office
from jobs.due import declare_due_work
from jobs.retention import declare_retention
from jobs.tasks import task
from mailing.models import MESSAGES_KEPT
from tenants.models import OfficeRequest

# Behind all other work.
declare_due_work(SEAL_JOURNAL, priority=-10)
declare_due_work(CHECK_OFFICE, priority=-10)
#: For database errors: each task can be run again.
_RETRY = RetryStrategy(max_attempts=10, exponential_wait=3)

# Longer than the messages: each of a member's letters names the row by which it was claimed.
declare_retention(MemberLetter, kept_for=MESSAGES_KEPT + datetime.timedelta(days=31), since="queued_at")
declare_retention(Invitation, kept_for=INVITATION_KEPT, since="expires_at", lock_first=Invitation.objects.lock_table)
# Who applied, and what they were answered; none that waits for the operator.
declare_retention(OfficeRequest, kept_for=MESSAGES_KEPT, since="decided_at")


@task(name="collectivities.note_account_event", retry=_RETRY)
def note_account_event(*, event_id: int) -> None:
    """Write an event of a member's account in the current collectivity's journal."""
    personal_data.note_event(event_id)


@task(name="collectivities.notify_offices", retry=_RETRY)
def notify_offices(*, event_id: int) -> None:
    """Tell an event of an account to each office whose member it is. In the public schema."""
    personal_data.notify_offices(event_id)


@task(name=SEAL_JOURNAL, retry=_RETRY)
def seal_journal() -> None:
    """Seal the new entries of the current collectivity's journal."""
    at = timezone.now()
    SEALED_AUDIT_LOG.seal_new_entries(at=at)
    # Another worker may be sealing, and have read before the entries for which this job was queued.
    if SEALED_AUDIT_LOG.has_new_entries(at=at):
        schedule_sealing(at)


@task(name=CHECK_OFFICE, retry=_RETRY)
def look_at_office() -> None:
    """Note whether the operator should look at the current collectivity's office."""
    check_office(at=timezone.now())
