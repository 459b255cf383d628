"""Tasks and periodic tasks of the outbox."""

import datetime

from django.conf import settings
from django.db.models import Q
from django_tenants.utils import get_public_schema_name

from bounces import imap
from bounces.models import FailedSending, RefusedAddress
from core.connections import DatabaseClock
from jobs.due import declare_due_work
from jobs.periodic_tasks import periodic_task
from jobs.retention import declare_pruned_elsewhere, declare_retention
from jobs.tasks import declare_lane, defer_once, task
from mailing import bounce_mailbox, refusals
from mailing import dispatch as draining
from mailing.models import MESSAGES_KEPT, UNSENT, Message
from mailing.operations import BULK_QUEUE, DRAIN, MESSAGES_PER_JOB, SINGLE_QUEUE

# A single letter waits for no thread that sends another office's thousands.
declare_lane(SINGLE_QUEUE, threads=1)
declare_lane(BULK_QUEUE, threads=settings.MAIL_THREADS)
#: Queue of the reading of the bounce mailbox: a mail server makes it wait, and strangers fill it.
BOUNCES_QUEUE = "mail_bounces"
declare_lane(BOUNCES_QUEUE, threads=1, is_suspect=True)
declare_due_work(refusals.CHECK_SENDINGS, is_public=True)
# Its jobs are queued with the messages, and by each other; this is for one that was lost.
declare_due_work(DRAIN, is_public=True)
declare_retention(Message, kept_for=MESSAGES_KEPT, since="created_at", only=~Q(state__in=UNSENT))
# Longer than the messages: those that tell of a sending name it.
declare_retention(FailedSending, kept_for=MESSAGES_KEPT + datetime.timedelta(days=31), since="found_at")
declare_pruned_elsewhere(RefusedAddress, kept_for=refusals.KEPT, since="refused_at")


# Retries are for database errors; a mail server's errors never fail the job.
@task(name=DRAIN, queue=BULK_QUEUE)
def drain(*, limit: int = MESSAGES_PER_JOB) -> int:
    """Send at most `limit` due messages of the current schema's outbox."""
    return draining.drain(limit=limit)


@task(name="mailing.read_bounces", queue=BOUNCES_QUEUE)
def read_bounces() -> None:
    """Read the bounce mailbox."""
    if imap.is_configured():
        bounce_mailbox.read_mailbox()


@periodic_task(every=datetime.timedelta(minutes=1))
def queue_bounces() -> None:
    """Queue the reading of the bounce mailbox, once, where there is one."""
    if imap.is_configured():
        # The lock: two workers would read the same mails at the same time, to no harm and no use.
        defer_once(
            "mailing.read_bounces",
            schema=get_public_schema_name(),
            queueing_lock="mailing.read_bounces",
            lock="mailing.read_bounces",
        )


@task(name=refusals.CHECK_SENDINGS)
def check_sendings() -> None:
    """Note the sendings of the current schema that fail, and have people told."""
    refusals.check_sendings(at=DatabaseClock()())


@periodic_task(every=datetime.timedelta(hours=1))
def forget_old_refusals() -> None:
    """Write again to the addresses to which a person wrote with success, and to those refused a year ago."""
    refusals.forget_old(at=DatabaseClock()())
