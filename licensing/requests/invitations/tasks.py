"""Periodic tasks of invitations, each over one set in the public schema."""

import datetime

from django.utils import timezone

from jobs.periodic_tasks import periodic_task
from jobs.retention import declare_retention
from licensing.requests.invitations import operations
from licensing.requests.invitations.models import TeacherInvitation

# With it the address of the invited person, whether they answered or not.
declare_retention(TeacherInvitation, kept_for=datetime.timedelta(days=90), since="ended_at")


@periodic_task(every=datetime.timedelta(hours=1))
def end_invitations() -> None:
    """Free the licences of invitations that nobody answered in time."""
    operations.expire_invitations(at=timezone.now())


@periodic_task(every=datetime.timedelta(hours=1))
def remind_teachers() -> None:
    """Remind the invited teachers who have not answered for a week."""
    operations.send_due_reminders(at=timezone.now())
