"""Background tasks of orders."""

import datetime

from django.utils import timezone

from jobs.periodic_tasks import periodic_task
from licensing.orders import purchase_orders


@periodic_task(every=datetime.timedelta(hours=1))
def remind_and_lapse() -> None:
    """Send due reminders of purchase orders, and lapse expired orders."""
    purchase_orders.remind_and_lapse(timezone.now())
