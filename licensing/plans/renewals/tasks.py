"""Tasks of renewals in an office's schema, when `jobs.due` says that it is time."""

from django.utils import timezone

from collectivities.letters import RENEWAL_REMINDERS, get_next_renewal_moment
from jobs.due import declare_due_work
from jobs.tasks import task
from licensing.plans.renewals import emails

declare_due_work(RENEWAL_REMINDERS, get_first_look=get_next_renewal_moment)


@task(name=RENEWAL_REMINDERS)
def remind_buyers() -> None:
    """Remind the office's buyers of the next school year."""
    emails.run(at=timezone.now())
