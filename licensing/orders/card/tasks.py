"""Background tasks of card payments. Imported by `licensing.orders.tasks`, where workers find them."""

from __future__ import annotations

import datetime

from django.utils import timezone
from procrastinate import RetryStrategy

from jobs.tasks import task
from jobs.upkeep import duty
from licensing.orders.card import asking
from licensing.orders.models import CardPayment

# Over two days in total, to outlast an outage of the provider.
_RETRY = RetryStrategy(max_attempts=12, exponential_wait=3)


@task(name="orders.card.give_back", retry=_RETRY)
def give_back(*, payment_id: int) -> None:
    """Refund a card payment at the provider."""
    asking.give_back(CardPayment.objects.get(pk=payment_id), at=timezone.now())


@task(name="orders.card.close", retry=_RETRY)
def close(*, payment_id: int) -> None:
    """Close the session of an abandoned attempt at the provider."""
    asking.close(CardPayment.objects.get(pk=payment_id), at=timezone.now())


@duty(every=datetime.timedelta(minutes=5))
def catch_up() -> None:
    """Poll the provider for payments without a webhook event."""
    asking.catch_up(at=timezone.now(), after=datetime.timedelta(minutes=15))
