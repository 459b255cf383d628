"""Background and periodic tasks of classes."""

import datetime

from django.utils import timezone

from accounts.models import User
from core.exceptions import DomainError
from jobs.periodic_tasks import periodic_task
from jobs.retention import declare_pruned_elsewhere, declare_retention
from jobs.tasks import task
from licensing.classes import handovers, operations, pupil_erasure, tickets, year_letters
from licensing.classes.models import ClassInvitation, EntryTicket, YearLetter
from mailing.models import MESSAGES_KEPT

# Valid for a week, and then shown to nobody.
declare_retention(ClassInvitation, kept_for=datetime.timedelta(days=90), since="created_at")
# Each is written once, in the September after the school year.
declare_retention(YearLetter, kept_for=MESSAGES_KEPT, since="created_at")
declare_pruned_elsewhere(EntryTicket, kept_for=tickets.RETENTION, since="created_at")


@task(name="classes.invite")
def invite(*, classroom_id: int, username: str, by_id: int, asked_at: str) -> None:
    """Invite the teacher with this username, if any; do nothing where the situation changed meanwhile."""
    try:
        operations.create_invitation(
            classroom_id=classroom_id,
            username=username,
            by=User.objects.get(pk=by_id),
            at=datetime.datetime.fromisoformat(asked_at),
        )
    except DomainError:
        return


@task(name="classes.note_tries")
def note_tries(*, code: str, tried_at: str) -> None:
    """Tell the teachers of the class with this code, if any, that many passwords were tried."""
    operations.note_tries(code=code, at=datetime.datetime.fromisoformat(tried_at))


@periodic_task(every=datetime.timedelta(days=1))
def erase_pupils() -> None:
    """Warn teachers whose pupils will be erased, and erase pupils whose retention has passed."""
    at = timezone.now()
    pupil_erasure.warn_teachers(at=at)
    pupil_erasure.erase_pupils(at=at)


@periodic_task(every=datetime.timedelta(hours=6))
def expire_handovers() -> None:
    """End codes by which nobody received the pupils within two weeks."""
    handovers.expire_handovers(at=timezone.now())


@periodic_task(every=datetime.timedelta(hours=1))
def write_year_letters() -> None:
    """Write once, in September, to whoever had licences of the year that ended."""
    year_letters.write_year_letters(at=timezone.now())


@periodic_task(every=datetime.timedelta(hours=1))
def delete_expired_tickets() -> None:
    """Delete expired tickets."""
    tickets.prune(at=timezone.now())
