"""Background and periodic tasks of account closure."""

from __future__ import annotations

import datetime

from django.utils import timezone
from procrastinate import RetryStrategy

from jobs.tasks import task
from jobs.upkeep import duty
from mailing import personal as outbox
from pages.my_account import privacy_closing
from pages.my_account.privacy_emails import FAREWELL


@task(name="pages.close_account_again", retry=RetryStrategy(max_attempts=10, exponential_wait=3))
def close_account_again(*, user_id: int) -> None:
    """Erase what concurrent transactions wrote to an account while it was being closed."""
    privacy_closing.close_account(user_id=user_id, at=timezone.now())


@duty(every=datetime.timedelta(minutes=15))
def forget_farewells() -> None:
    """Delete the personal data of last e-mails that were sent or have definitively failed."""
    outbox.forget_settled(FAREWELL)
