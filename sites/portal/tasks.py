"""Background and periodic tasks of account closure."""

import datetime

from django.utils import timezone
from procrastinate import RetryStrategy

from jobs.periodic_tasks import periodic_task
from jobs.tasks import task
from mailing import personal_data as outbox
from sites.portal import privacy
from sites.portal.privacy import ACCOUNT_CLOSED


@task(name="portal.close_account_again", retry=RetryStrategy(max_attempts=10, exponential_wait=3))
def erase_closed_account_again(*, user_id: int) -> None:
    """Erase what concurrent transactions wrote to an account while it was being closed."""
    privacy.close_account(user_id=user_id, at=timezone.now())


@periodic_task(every=datetime.timedelta(minutes=15))
def delete_sent_closure_emails() -> None:
    """Delete the personal data of last e-mails that were sent or have definitively failed."""
    outbox.anonymise_settled(ACCOUNT_CLOSED)
