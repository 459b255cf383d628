"""Workers that ask the provider at once store each movement once: real threads, real commits."""

import datetime
from collections import Counter

from django.utils import timezone
from django_tenants.utils import schema_context

from licensing.books.accounting.balance_sync import retrieve_balance_transactions
from licensing.books.accounting.models import BalanceTransaction
from tests import races
from tests.factories.payments import StartedPaymentFactory


def test_six_workers_store_a_movement_once(committing, stripe):
    with schema_context("public"):
        StartedPaymentFactory()
        for number in range(150):
            stripe.balance.add("charge", 1000, source={"id": f"ch_{number}", "object": "charge", "metadata": {}})
        at = timezone.now() + datetime.timedelta(minutes=1)
        # Any error of the database fails the race.
        races.run_concurrently("public", [lambda: retrieve_balance_transactions(at=at)] * 6, expected_errors=())
        stored = Counter(BalanceTransaction.objects.values_list("reference", flat=True))
    assert len(stored) == 150
    assert set(stored.values()) == {1}
