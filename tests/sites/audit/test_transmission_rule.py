"""`manage.py audit` detects a transmission that disagrees with its invoice, or that nobody follows."""

import pytest
from django.db import connection
from django.utils import timezone

from licensing.books.billing import invoicing
from licensing.books.billing.models import PlatformState
from licensing.books.billing.transmission import delivery, operations
from licensing.books.billing.transmission.models import Transmission, TransmissionState
from sites.audit.invariants import read_invariants
from tests.billing.transmission.scripted_platform import entry, follow_script
from tests.database_roles import execute_as_administrator
from tests.factories.orders import OrderFactory
from tests.orders.assertions import list_violations
from tests.sites.audit.violations import list_all_violations


@pytest.fixture
def transmitted(nimes, settings):
    """Three invoices at a platform: one rejected, one in payment, one without an answer."""
    script = follow_script(settings, "chorus_pro")
    now = timezone.now()
    for _ in range(3):
        OrderFactory(current=True, confirmed=True)
    numbers = list(invoicing.list_undeposited().values_list("pk", flat=True))
    operations.request_transmissions(invoice_ids=numbers, by=None, at=now)
    delivery.deliver_due()
    rejected, paid, _ = Transmission.objects.order_by("pk")
    script.verdict, script.message = TransmissionState.REJECTED, "SIRET inconnu"
    delivery.deliver(rejected)
    script.verdict, script.entries = TransmissionState.ACCEPTED, (entry(PlatformState.IN_PAYMENT, now),)
    delivery.deliver(paid)


def broken():
    return set(list_all_violations())


@pytest.mark.slow
def test_what_was_transmitted_is_sound(transmitted):
    states = [(sent.state, sent.next_try_at is None) for sent in Transmission.objects.order_by("pk")]
    assert states == [("rejected", True), ("accepted", True), ("sent", False)]
    assert broken() == set()


#: Past the constraints and the triggers.
BREACHES = (
    "UPDATE public.billing_invoice SET buyer_kind = 'consumer'",
    "UPDATE public.billing_invoice SET buyer_kind = 'taxable'",
    (
        "DROP INDEX public.transmission_of_an_invoice_once; UPDATE public.transmission_transmission SET invoice_id = "
        "(SELECT max(invoice_id) FROM public.transmission_transmission) WHERE state = 'accepted'"
    ),
    "UPDATE public.transmission_transmission SET next_try_at = NULL WHERE state = 'sent'",
    "DELETE FROM public.billing_platformstatus WHERE state = 'rejected'",
    "DELETE FROM public.billing_platformstatus WHERE state = 'in_payment'",
    "DELETE FROM public.transmission_transmission",
)


def test_each_disagreement_of_a_transmission_is_detected(transmitted):
    missed = []
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for breach in BREACHES:
            cursor.execute("SAVEPOINT before")
            execute_as_administrator(breach)
            if not list_violations(read_invariants("transmissions")):
                missed.append(breach)
            cursor.execute("ROLLBACK TO SAVEPOINT before")
        assert missed == []
        execute_as_administrator(BREACHES[0])
        assert "transmissions" in broken()
