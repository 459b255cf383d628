"""Tasks in an office's schema, when `jobs.due` says that it is time."""

from django.utils import timezone

from collectivities.letters import WEEKLY_LETTER, get_next_weekly_moment
from jobs.due import declare_due_work
from jobs.tasks import task
from sites.office import weekly_letter

declare_due_work(WEEKLY_LETTER, get_first_look=get_next_weekly_moment)


@task(name=WEEKLY_LETTER)
def write_weekly_letters() -> None:
    """Write the week's letters of the office."""
    weekly_letter.run(at=timezone.now())
