"""Background tasks of payments."""

import datetime

from django.utils import timezone
from procrastinate import RetryStrategy

from jobs.periodic_tasks import periodic_task
from jobs.retention import declare_retention
from jobs.tasks import task
from licensing.payments import card, collection_statements
from licensing.payments.models import SEALED_PAYMENTS, CardPayment, ProviderEvent

# Over two days in total, to outlast an outage of the provider.
_RETRY = RetryStrategy(max_attempts=12, exponential_wait=3)

# By which one that comes twice is known: the provider repeats them for some days.
declare_retention(ProviderEvent, kept_for=datetime.timedelta(days=365), since="received_at")


@task(name="payments.card.send_refund", retry=_RETRY)
def send_refund(*, payment_id: int, refund_id: int | None) -> None:
    """Have the provider make a refund of a card payment that is in the books."""
    card.send_refund(CardPayment.objects.get(pk=payment_id), refund_id=refund_id, at=timezone.now())


@task(name="payments.card.close_session", retry=_RETRY)
def close_session(*, payment_id: int) -> None:
    """Close the session of an abandoned attempt at the provider."""
    card.close_session(CardPayment.objects.get(pk=payment_id), at=timezone.now())


@periodic_task(every=datetime.timedelta(minutes=5))
def poll_open_payments() -> None:
    """Poll the provider for payments without a webhook event."""
    card.poll_open_payments(at=timezone.now(), after=datetime.timedelta(minutes=15))


@periodic_task(every=datetime.timedelta(days=1))
def poll_charges() -> None:
    """Poll the provider for refunds of recent charges without a webhook event."""
    card.poll_charges(at=timezone.now(), within=datetime.timedelta(days=180))


@periodic_task(every=datetime.timedelta(minutes=10))
def declare_collections() -> None:
    """Declare what businesses paid to the approved platform that took their invoices."""
    collection_statements.declare_collections(at=timezone.now())


@periodic_task(every=datetime.timedelta(minutes=10))
def seal_payments() -> None:
    """Seal the new payments."""
    SEALED_PAYMENTS.seal_new_entries(at=timezone.now())
