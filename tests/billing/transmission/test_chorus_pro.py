"""Invoices deposited on Chorus Pro over real HTTP, and what becomes of them there."""

import logging

import pytest

from licensing.books.billing import invoicing
from licensing.books.billing.models import Invoice, PlatformState
from licensing.books.billing.operations import take_back_platform_status
from licensing.books.billing.transmission import delivery, operations
from licensing.books.billing.transmission.chorus_pro import ChorusPro
from licensing.books.billing.transmission.models import Transmission, TransmissionState
from licensing.books.billing.transmission.platforms import NotSupported
from tests.billing.transmission import fake_chorus_pro
from tests.billing.transmission.fake_chorus_pro import FakeChorusProServer
from tests.conftest import TERM
from tests.factories.accounts import UserFactory
from tests.factories.orders import StoredOrderFactory

pytestmark = pytest.mark.django_db

PATH = "licensing.books.billing.transmission.chorus_pro.ChorusPro"


@pytest.fixture
def chorus_pro(settings):
    with FakeChorusProServer() as fake:
        settings.INVOICE_PLATFORMS = {"chorus_pro": (PATH, fake.account)}
        fake.bodies["21300189400012"] = True
        yield fake


def transmit(*invoices) -> list[Transmission]:
    """Ask for the invoices to be transmitted, and ask the platform once."""
    numbers = [invoice.pk for invoice in invoices]
    operations.request_transmissions(invoice_ids=numbers, by=UserFactory(), at=TERM)
    delivery.deliver_due()
    return list(Transmission.objects.order_by("pk"))


def look(transmission: Transmission) -> Transmission:
    transmission.refresh_from_db()
    delivery.deliver(transmission)
    transmission.refresh_from_db()
    return transmission


def states(invoice: Invoice) -> list[str]:
    return list(invoice.statuses.in_order().values_list("state", flat=True))


@pytest.mark.slow
def test_an_invoice_goes_from_its_deposit_to_its_payment(chorus_pro, invoice):
    (transmission,) = transmit(invoice)
    assert transmission.reference.startswith("CPP")
    assert look(transmission).state == TransmissionState.SENT  # not integrated yet
    chorus_pro.integrate()
    assert look(transmission).state == TransmissionState.ACCEPTED
    for state in ("MISE_A_DISPOSITION", "SUSPENDUE", "COMPLETEE", "EN_COURS_ACHEMINEMENT", "MANDATEE"):
        chorus_pro.move(invoice.number, state, "Pièce manquante" if state == "SUSPENDUE" else "")
        look(transmission)
    assert states(invoice) == ["deposited", "received", "suspended", "completed", "approved"]
    assert invoice.statuses.get(state="suspended").reason == "Pièce manquante"
    assert invoice.statuses.get(state="approved").reason == "Mandatée."
    chorus_pro.move(invoice.number, "MISE_EN_PAIEMENT")
    assert look(transmission).next_try_at is None
    assert invoice.get_latest_status().state == PlatformState.IN_PAYMENT
    # The whole story came back each time; one token was enough.
    assert chorus_pro.tokens_given == 1


@pytest.mark.slow
@pytest.mark.parametrize("date", ["9999-12-31T23:59:59-12:00", "hier", 10**17, -(10**17)])
def test_a_state_at_no_moment_is_named_and_the_others_are_recorded(chorus_pro, invoice, date):
    (transmission,) = transmit(invoice)
    chorus_pro.integrate()
    chorus_pro.move(invoice.number, "SUSPENDUE", "Pièce manquante")
    chorus_pro.invoices[invoice.number]["history"][-1]["histoStatutDatePassage"] = date
    chorus_pro.move(invoice.number, "MISE_EN_PAIEMENT")
    chorus_pro.move(invoice.number, "A_RECYCLER", "a\0b" + "é" * 9000)
    looked = look(transmission)
    assert states(invoice) == [PlatformState.DEPOSITED, PlatformState.IN_PAYMENT, PlatformState.TO_RECYCLE]
    assert "« SUSPENDUE" in looked.message
    assert "une date qui n'en est pas une" in looked.message
    assert len(invoice.get_latest_status().reason) <= 2000


@pytest.mark.slow
def test_a_credit_note_is_taken_too(chorus_pro, invoice):
    note = invoicing.issue_credit_note(invoice, at=TERM, reason="Commande annulée")
    transmissions = transmit(invoice, note)
    chorus_pro.integrate()
    look(transmissions[0])
    # The credit note leaves once its invoice is there.
    delivery.deliver_due()
    chorus_pro.integrate()
    assert {look(one).state for one in transmissions} == {TransmissionState.ACCEPTED}
    assert list(chorus_pro.invoices) == [invoice.number, note.number]


@pytest.mark.slow
def test_a_paid_invoice_is_taken_too(chorus_pro):
    paid = invoicing.issue_invoice(StoredOrderFactory(five_classes=True, school=None), at=TERM, paid_by_card=True)
    (transmission,) = transmit(paid)
    chorus_pro.integrate()
    assert look(transmission).state == TransmissionState.ACCEPTED
    assert list(chorus_pro.invoices) == [paid.number]


#: What Chorus Pro does not know of the payer, and its words.
REJECTIONS = {
    "an unknown payer": ({"siret": "22300001900011"}, "Le destinataire n'est pas connu"),
    "a service that is asked for": ({"service_code": ""}, "Le code service est obligatoire"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", REJECTIONS)
def test_a_rejected_file_is_a_rejected_invoice(chorus_pro, case):
    columns, words = REJECTIONS[case]
    invoice = invoicing.issue_invoice(StoredOrderFactory(five_classes=True, school=None, **columns), at=TERM)
    (transmission,) = transmit(invoice)
    chorus_pro.integrate()
    assert look(transmission).state == TransmissionState.REJECTED
    assert words in invoice.get_rejection().reason
    assert invoice.get_rejection().state == PlatformState.REJECTED
    # It is to be made anew, not deposited again.
    assert list(Invoice.objects.rejected()) == [invoice]
    assert not invoicing.list_undeposited().exists()


@pytest.mark.slow
def test_an_incident_at_chorus_pro_says_that_the_same_invoice_may_be_sent_again(chorus_pro, invoice):
    (transmission,) = transmit(invoice)
    chorus_pro.deposits[transmission.reference]["state"] = "IN_INCIDENTE"
    look(transmission)
    rejection = invoice.get_rejection()
    assert "Incident technique" in rejection.reason
    take_back_platform_status(status_id=rejection.pk, reason="Incident.", by=UserFactory(), at=TERM)
    again = transmit(invoice)[-1]
    chorus_pro.integrate()
    assert look(again).state == TransmissionState.ACCEPTED
    assert invoice.get_latest_status().state == PlatformState.DEPOSITED


@pytest.mark.slow
def test_the_addressee_s_refusal_is_theirs_and_not_the_platform_s(chorus_pro, invoice):
    (transmission,) = transmit(invoice)
    chorus_pro.integrate()
    chorus_pro.move(invoice.number, "REJETEE", "Engagement inconnu")
    look(transmission)
    assert (invoice.get_rejection().state, invoice.get_rejection().reason) == ("refused", "Engagement inconnu")
    assert transmission.next_try_at is None


@pytest.mark.slow
@pytest.mark.parametrize("trouble", ["503", "cut", "garbage", "403"])
def test_no_trouble_deposits_an_invoice_twice(chorus_pro, invoice, trouble):
    """Where the answer was lost, the file is sent again and refused as a duplicate: the first deposit counts."""
    chorus_pro.troubles = [trouble]
    (transmission,) = transmit(invoice)
    assert (transmission.state, transmission.failures) == (TransmissionState.TO_SEND, 1)
    assert "Chorus Pro" in transmission.message
    # The night integrates what came in, before it is sent again.
    chorus_pro.integrate()
    assert look(transmission).state == TransmissionState.SENT
    chorus_pro.integrate()
    chorus_pro.troubles = [trouble]
    assert look(transmission).state == TransmissionState.SENT
    assert look(transmission).state == TransmissionState.ACCEPTED
    assert len(chorus_pro.deposits) == (2 if trouble in ("cut", "garbage") else 1)
    assert list(chorus_pro.invoices) == [invoice.number]
    assert states(invoice) == ["deposited"]


@pytest.mark.slow
def test_a_token_that_the_gateway_forgot_is_asked_anew(chorus_pro, invoice):
    (transmission,) = transmit(invoice)
    chorus_pro.expire_tokens()
    assert look(transmission).failures == 0
    assert chorus_pro.tokens_given == 2


@pytest.mark.slow
def test_a_token_is_asked_anew_before_it_expires(chorus_pro, invoice):
    chorus_pro.token_lifetime = 59  # under the margin of a minute
    (transmission,) = transmit(invoice)
    look(transmission)
    assert chorus_pro.tokens_given == 2


@pytest.mark.slow
def test_a_server_that_does_not_answer_is_not_waited_for(chorus_pro, invoice, monkeypatch):
    monkeypatch.setattr("licensing.books.billing.transmission.platforms.TIMEOUTS", (0.2, 0.2))
    with chorus_pro.lock:
        (transmission,) = transmit(invoice)
    assert (transmission.state, transmission.failures) == (TransmissionState.TO_SEND, 1)


@pytest.mark.slow
def test_another_account_is_reported_without_its_secrets(chorus_pro, invoice, monkeypatch, caplog):
    monkeypatch.setattr(fake_chorus_pro, "CLIENT_SECRET", "another")
    with caplog.at_level(logging.DEBUG):
        (transmission,) = transmit(invoice)
    assert "n'admet pas notre compte" in transmission.message
    assert "notasecret" not in caplog.text + transmission.message
    assert "notasecret" not in repr(chorus_pro.account)


@pytest.mark.slow
def test_a_file_that_chorus_pro_does_not_take_is_refused_in_its_words(chorus_pro, invoice, monkeypatch):
    monkeypatch.setattr("licensing.books.billing.transmission.chorus_pro.SYNTAX", "IN_DP_E1_UBL_INVOICE")
    (transmission,) = transmit(invoice)
    assert transmission.state == TransmissionState.REJECTED
    assert "Paramètre inconnu ou manquant" in transmission.message


@pytest.mark.slow
def test_an_unknown_state_is_shown_and_does_not_hide_the_others(chorus_pro, invoice):
    (transmission,) = transmit(invoice)
    chorus_pro.integrate()
    chorus_pro.move(invoice.number, "PRESCRITE")
    assert "PRESCRITE" in look(transmission).message
    assert states(invoice) == ["deposited"]


@pytest.mark.slow
def test_what_is_asked_of_a_deposit_that_is_unknown_is_refused(chorus_pro, invoice):
    (transmission,) = transmit(invoice)
    chorus_pro.deposits.clear()
    assert "Flux inconnu" in look(transmission).message
    assert transmission.state == TransmissionState.SENT


def test_chorus_pro_takes_neither_states_nor_reports(chorus_pro):
    for method, arguments in ((ChorusPro.declare_collected, (None,)), (ChorusPro.report, (None, None))):
        with pytest.raises(NotSupported):
            method(ChorusPro(chorus_pro.account), *arguments)
