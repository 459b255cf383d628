"""What is asked of a platform, and what of its answers is recorded."""

import datetime

import pytest
from django.db import IntegrityError, transaction

from licensing.books.billing import invoicing
from licensing.books.billing.models import InvoiceRoute, PlatformState, PlatformStatus
from licensing.books.billing.operations import record_platform_status
from licensing.books.billing.transmission import delivery, operations, tasks
from licensing.books.billing.transmission.models import Transmission, TransmissionState
from licensing.books.billing.transmission.platforms import PlatformRefuses, PlatformSilent
from licensing.catalogue.models import Seller
from licensing.orders.models import OrderEvent, Payer
from tests.billing.transmission.scripted_platform import entry
from tests.conftest import TERM
from tests.factories.accounts import UserFactory
from tests.factories.orders import OrderFactory, StoredOrderFactory
from tests.orders import actions
from tests.waiting_jobs import list_waiting_jobs

pytestmark = pytest.mark.django_db

HOUR = datetime.timedelta(hours=1)
DEPOSITED = entry(PlatformState.DEPOSITED, TERM + HOUR)
RECEIVED = entry(PlatformState.RECEIVED, TERM + 2 * HOUR)
REFUSED = entry(PlatformState.REFUSED, TERM + 3 * HOUR, reason="Engagement inconnu")


def transmit(invoice) -> Transmission:
    """Ask for the invoice to be transmitted, and ask the platform once."""
    operations.request_transmissions(invoice_ids=[invoice.pk], by=UserFactory(), at=TERM)
    delivery.deliver_due()
    return Transmission.objects.latest("pk")


def look(transmission: Transmission) -> Transmission:
    """Ask the platform for the story, whether it is due or not."""
    transmission.refresh_from_db()
    delivery.deliver(transmission)
    transmission.refresh_from_db()
    return transmission


def states(invoice) -> list[str]:
    return list(invoice.statuses.in_order().values_list("state", flat=True))


def ask_for_invoice_and_part(order) -> tuple[Transmission, Transmission]:
    """Ask for the order's invoice and its partial credit note to be sent; return both transmissions."""
    actions.credit(order, amount="50")
    operations.request_transmissions(invoice_ids=list(order.invoices.values_list("pk", flat=True)), by=None, at=TERM)
    invoice, note = Transmission.objects.order_by("invoice")
    return invoice, note


@pytest.mark.slow
def test_a_credit_note_is_sent_once_the_platform_took_its_invoice(script):
    """Even where the invoice is tried later: the platform would not know what the credit note is about."""
    invoice, note = ask_for_invoice_and_part(OrderFactory(confirmed=True))
    script.failures = [PlatformSilent("Panne.")]
    delivery.deliver_due()
    delivery.deliver_due()
    assert script.sent == [invoice.tracking_id]

    look(invoice)
    delivery.deliver_due()
    assert script.sent == [invoice.tracking_id] * 2
    script.verdict = TransmissionState.ACCEPTED
    look(invoice)
    delivery.deliver_due()
    assert script.sent[2:] == [note.tracking_id]


@pytest.mark.slow
def test_a_credit_note_whose_invoice_is_rejected_is_not_sent(script):
    """The payer never booked the invoice: the next one takes its place."""
    invoice, note = ask_for_invoice_and_part(OrderFactory(confirmed=True))
    delivery.deliver_due()
    script.verdict, script.entries = (
        TransmissionState.REJECTED,
        (entry(PlatformState.REJECTED, TERM, reason="Doublon"),),
    )
    look(invoice)
    delivery.deliver_due()
    note.refresh_from_db()
    assert (note.state, script.sent) == (TransmissionState.REJECTED, [invoice.tracking_id])
    assert (
        note.message == f"La facture {invoice.invoice.number} a été rejetée ou refusée : son avoir ne se transmet pas."
    )
    assert not invoicing.list_undeposited().exists()


@pytest.mark.slow
def test_what_the_platform_has_not_taken_yet_is_followed_whatever_was_noted_by_hand(script, invoice):
    """It may be rejected still, although the operator noted that it is being paid."""
    transmission = transmit(invoice)
    record_platform_status(invoice_id=invoice.pk, state=PlatformState.IN_PAYMENT, by=UserFactory(), at=TERM)
    assert look(transmission).next_try_at is not None
    script.verdict = TransmissionState.ACCEPTED
    assert (look(transmission).state, transmission.next_try_at) == (TransmissionState.ACCEPTED, None)


@pytest.mark.slow
def test_what_is_transmitted_is_sent_once_and_no_longer_waits(script, invoice):
    transmission = transmit(invoice)
    assert (transmission.state, transmission.reference) == (TransmissionState.SENT, "D1")
    assert transmission.tracking_id == f"{invoice.number}-1"
    assert not invoicing.list_undeposited().exists()
    # Neither a second request nor the next run sends it again.
    transmit(invoice)
    assert script.sent == [transmission.tracking_id]
    assert "transmise à Chorus Pro, dépôt D1" in OrderEvent.objects.get(action="platform_sent").summary


@pytest.mark.slow
def test_the_story_is_recorded_once_in_the_order_of_its_dates(script, invoice):
    transmission = transmit(invoice)
    script.verdict, script.entries = TransmissionState.ACCEPTED, (RECEIVED,)
    assert look(transmission).state == TransmissionState.ACCEPTED
    # What happened first is told last, and everything twice.
    script.entries = (RECEIVED, DEPOSITED, DEPOSITED)
    look(transmission)
    assert states(invoice) == ["deposited", "received"]
    assert invoice.get_latest_status().state == PlatformState.RECEIVED
    assert set(PlatformStatus.objects.values_list("by", flat=True)) == {None}
    script.entries = (REFUSED, DEPOSITED, RECEIVED)
    assert look(transmission).next_try_at is None  # nothing follows a refusal
    assert invoice.get_rejection().reason == "Engagement inconnu"
    assert PlatformStatus.objects.count() == 3


@pytest.mark.slow
def test_a_platform_that_is_silent_is_asked_again_after_growing_delays(script, invoice):
    script.failures = [PlatformSilent("Chorus Pro ne répond pas.") for _ in range(3)]
    transmission = transmit(invoice)
    delays = [transmission.next_try_at, *(look(transmission).next_try_at for _ in range(2))]
    assert (transmission.state, transmission.failures) == (TransmissionState.TO_SEND, 3)
    assert delays == sorted(delays)
    assert delays[2] - delays[1] > datetime.timedelta(seconds=100)
    assert look(transmission).state == TransmissionState.SENT
    assert (transmission.failures, transmission.message) == (0, "")
    # The same tracking id each time: the platform takes it once.
    assert script.sent == [transmission.tracking_id] * 4
    assert list(script.numbers) == [transmission.tracking_id]


@pytest.mark.slow
def test_what_is_silent_for_two_days_is_found(script, invoice):
    transmit(invoice)
    sent_at = Transmission.objects.get().sent_at
    assert not Transmission.objects.silent(sent_at + 47 * HOUR).exists()
    assert Transmission.objects.silent(sent_at + 48 * HOUR).exists()


@pytest.mark.slow
def test_what_a_platform_does_not_take_is_to_be_deposited_again(script, invoice):
    """Nothing of it is on the platform: the operator sends it anew, under another tracking id."""
    script.failures = [PlatformRefuses("Le fichier n'est pas lisible.")]
    refused = transmit(invoice)
    assert (refused.state, refused.message) == (TransmissionState.REJECTED, "Le fichier n'est pas lisible.")
    assert list(invoicing.list_undeposited()) == [invoice]
    assert not PlatformStatus.objects.exists()
    again = transmit(invoice)
    assert (again.state, again.tracking_id) == (TransmissionState.SENT, f"{invoice.number}-2")


@pytest.mark.slow
def test_a_question_that_is_refused_leaves_the_deposit_as_it_is(script, invoice):
    transmission = transmit(invoice)
    script.failures = [PlatformRefuses("Paramètre inconnu.")]
    assert look(transmission).state == TransmissionState.SENT
    assert transmission.next_try_at is not None


@pytest.mark.slow
def test_an_answer_that_cannot_be_read_does_not_block_the_others(script, invoice):
    other = invoicing.issue_invoice(StoredOrderFactory(five_classes=True, school=None), at=TERM)
    script.failures = [KeyError("numeroFluxDepot")]
    operations.request_transmissions(invoice_ids=[invoice.pk, other.pk], by=None, at=TERM)
    delivery.deliver_due()
    assert sorted(Transmission.objects.values_list("state", flat=True)) == ["sent", "to_send"]


@pytest.mark.slow
def test_an_outage_is_met_once_a_run(script, invoice):
    """Each question to a server that is down may take a minute: a worker has other work."""
    other = invoicing.issue_invoice(StoredOrderFactory(five_classes=True, school=None), at=TERM)
    operations.request_transmissions(invoice_ids=[invoice.pk, other.pk], by=None, at=TERM)
    script.failures = [PlatformSilent("Chorus Pro ne répond pas.")]
    assert delivery.deliver_due() == 0
    assert script.sent == [f"{invoice.number}-1"]
    # The next run begins with the other one, which is due for longer.
    assert delivery.deliver_due() == 1
    assert script.sent[1:] == [f"{other.number}-1"]


@pytest.mark.slow
def test_the_worker_queues_one_delivery_whatever_is_due(script, invoice):
    Seller.objects.update(transmits_automatically=True)
    for _ in range(2):
        tasks.queue_transmissions()
    assert len(list_waiting_jobs(operations.DELIVERY_TASK, schema="public")) == 1
    tasks.deliver_transmissions()
    assert script.sent == [f"{invoice.number}-1"]


def test_what_has_no_platform_is_still_to_be_deposited(script, invoice):
    business = StoredOrderFactory(five_classes=True, school=None, payer=Payer.COMPANY)
    by_platform = invoicing.issue_invoice(business, at=TERM)
    both = [invoice.pk, by_platform.pk]
    assert operations.request_transmissions(invoice_ids=both, by=None, at=TERM) == 1
    assert list(invoicing.list_undeposited()) == [by_platform]


@pytest.mark.slow
def test_all_is_sent_without_a_click_only_where_the_seller_chose_so(script, invoice):
    assert delivery.request_automatically(at=TERM) == 0
    Seller.objects.update(transmits_automatically=True)
    script.failures = [PlatformRefuses("Service inconnu.")]
    assert delivery.request_automatically(at=TERM) == 1
    delivery.deliver_due()
    # What was refused waits for the operator: it is not sent for ever.
    assert delivery.request_automatically(at=TERM) == 0
    assert script.sent == [f"{invoice.number}-1"]


@pytest.mark.slow
def test_the_database_keeps_one_live_transmission_an_invoice(script, invoice):
    transmit(invoice)
    with pytest.raises(IntegrityError, match="transmission_of_an_invoice_once"), transaction.atomic():
        Transmission.objects.create(
            kind="invoice", tracking_id="other", invoice=invoice, route=InvoiceRoute.CHORUS_PRO, asked_at=TERM
        )
