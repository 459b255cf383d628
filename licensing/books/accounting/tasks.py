"""Background tasks of accounting."""

import datetime

from django.utils import timezone

from jobs.periodic_tasks import periodic_task
from licensing.books.accounting.balance_sync import retrieve_balance_transactions


@periodic_task(every=datetime.timedelta(hours=1))
def retrieve_provider_balance() -> None:
    """Store what moved on the card provider's balance."""
    retrieve_balance_transactions(at=timezone.now())
