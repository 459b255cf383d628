"""Background tasks of the transmission to platforms."""

import datetime

from django.utils import timezone

from jobs.periodic_tasks import periodic_task
from jobs.tasks import task
from licensing.books.billing.transmission import delivery, operations
from licensing.books.billing.transmission.models import Transmission


@task(name=operations.DELIVERY_TASK)
def deliver_transmissions() -> None:
    """Send what is to be sent, and fetch the stories that are due."""
    delivery.deliver_due()


@periodic_task(every=datetime.timedelta(minutes=1))
def queue_transmissions() -> None:
    """Ask for what is sent automatically; queue the delivery where something is due."""
    now = timezone.now()
    delivery.request_automatically(at=now)
    if Transmission.objects.due(now).exists():
        operations.defer_delivery()
