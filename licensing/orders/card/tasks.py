"""What is asked of the provider outside requests. Imported by `licensing.orders.tasks`, where workers look."""

from __future__ import annotations

import datetime

from django.utils import timezone
from procrastinate import RetryStrategy

from jobs.tasks import task
from jobs.upkeep import duty
from licensing.orders.card import asking
from licensing.orders.models import CardPayment

# Over two days in all: a provider that is silent comes back.
_PATIENT = RetryStrategy(max_attempts=12, exponential_wait=3)


@task(name="orders.card.give_back", retry=_PATIENT)
def give_back(*, payment_id: int) -> None:
    """Have the provider send the money of a payment back."""
    asking.give_back(CardPayment.objects.get(pk=payment_id), at=timezone.now())


@task(name="orders.card.close", retry=_PATIENT)
def close(*, payment_id: int) -> None:
    """Have the provider take no money for an attempt that was given up."""
    asking.close(CardPayment.objects.get(pk=payment_id), at=timezone.now())


@duty(every=datetime.timedelta(minutes=5))
def catch_up() -> None:
    """Ask about payments of which nothing was heard."""
    asking.catch_up(at=timezone.now(), after=datetime.timedelta(minutes=15))
