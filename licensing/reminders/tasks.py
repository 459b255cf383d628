"""Tasks in a collectivity's schema: plan and send its reminders, when `jobs.due` says that it is time."""

from django.db.models.functions import Coalesce
from django.utils import timezone

from jobs.due import declare_due_work
from jobs.retention import declare_retention
from jobs.tasks import task
from licensing.pools.operations import PLAN_REMINDERS
from licensing.reminders import operations, planning
from licensing.reminders.models import Reminder
from mailing.models import MESSAGES_KEPT

declare_due_work(PLAN_REMINDERS)
declare_due_work(planning.SEND_REMINDERS)
# As long as their e-mails. Those that are planned stay.
declare_retention(Reminder, kept_for=MESSAGES_KEPT, since=Coalesce("sent_at", "cancelled_at"))


@task(name=PLAN_REMINDERS)
def plan_reminders() -> None:
    """Plan the reminders of the collectivity, and have them sent."""
    operations.plan_and_schedule(at=timezone.now())


@task(name=planning.SEND_REMINDERS)
def send_reminders() -> None:
    """Queue the e-mails of the reminders that are due today."""
    operations.run(at=timezone.now())
