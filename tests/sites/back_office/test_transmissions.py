"""« Transmettre »: its confirmation, what is shown of the platform's answers, and what waits for the operator."""

import datetime

import pytest
from django.utils import timezone

from licensing.books.billing import invoicing
from licensing.books.billing import operations as billing_operations
from licensing.books.billing.models import PlatformStatus
from licensing.books.billing.transmission import delivery, operations
from licensing.books.billing.transmission.models import Transmission, TransmissionState
from licensing.books.billing.transmission.platforms import PlatformRefuses, PlatformSilent
from licensing.catalogue.models import Seller
from licensing.orders.exceptions import NoReason
from licensing.orders.models import OrderEvent
from tests.billing.transmission.scripted_platform import follow_script
from tests.factories.accounts import UserFactory
from tests.factories.orders import OrderFactory
from tests.refusals import refuses
from tests.sites.audit.violations import list_all_violations
from tests.sites.back_office.pages import page_text
from tests.sites.back_office.test_orders import action_url, run_action

pytestmark = pytest.mark.slow

PAGE = "/admin/billing/invoice/a-deposer/"


@pytest.fixture
def script(settings):
    return follow_script(settings, "chorus_pro")


@pytest.fixture
def invoice(db):
    return OrderFactory(current=True, confirmed=True).invoices.current().get()


def transmit_url(*invoices) -> str:
    return f"{PAGE}chorus_pro/transmettre/?factures={'-'.join(str(one.pk) for one in invoices)}"


def read_work_items(operator) -> str:
    """Return what waits, as the home page lists it."""
    return " ".join(page_text(operator.get("/admin/")).partition("Ce qui attend</h1>")[2].split())


def test_transmitting_is_confirmed_before_anything_leaves(operator, script, invoice):
    assert "Transmettre 1 document" in " ".join(page_text(operator.get(PAGE)).split())
    confirmation = page_text(operator.get(transmit_url(invoice)))
    assert f"1 document part vers Chorus Pro ({invoice.number}) : 199,00 € de factures" in confirmation
    assert not Transmission.objects.exists()
    page = page_text(operator.post(transmit_url(invoice), follow=True))
    assert "1 document part vers Chorus Pro" in page
    assert "En chemin (1)" in page
    delivery.deliver_due()
    assert script.sent == [f"{invoice.number}-1"]
    shown = page_text(operator.get(f"/admin/billing/invoice/{invoice.pk}/change/"))
    assert "dépôt D1 : réponse attendue" in shown


def test_a_page_that_is_posted_twice_sends_once(operator, script, invoice):
    operator.post(transmit_url(invoice))
    assert "Rien n’est parti" in page_text(operator.post(transmit_url(invoice), follow=True))
    assert "plus rien n’est à transmettre" in page_text(operator.get(transmit_url(invoice), follow=True))
    assert Transmission.objects.count() == 1


def test_what_is_on_its_way_is_not_recorded_as_deposited_by_hand(operator, script, invoice):
    operator.post(transmit_url(invoice))
    page = page_text(operator.post(PAGE, {"factures": str(invoice.pk), "confirmed": "1"}, follow=True))
    assert "0 document noté comme déposé" in page
    assert not PlatformStatus.objects.exists()


def test_a_refusal_and_a_silence_come_first(operator, script, invoice):
    script.failures = [PlatformRefuses("Le fichier est illisible.")]
    operator.post(transmit_url(invoice))
    delivery.deliver_due()
    page = page_text(operator.get(PAGE))
    assert page.index("Le fichier est illisible.") < page.index("lot-chorus_pro")
    assert "1 document n’a pas été pris par la plateforme" in read_work_items(operator)
    # Sent anew, it is silent for two days.
    script.failures = [PlatformSilent("Chorus Pro ne répond pas.")]
    operator.post(transmit_url(invoice))
    delivery.deliver_due()
    assert "n’a pas été pris" not in read_work_items(operator)
    Transmission.objects.update(asked_at=timezone.now() - datetime.timedelta(days=2))
    page = page_text(operator.get(PAGE))
    assert page.index("À voir d") < page.index("Chorus Pro ne répond pas.")
    assert "En chemin" not in page
    urgent, found, _ = read_work_items(operator).partition("1 transmission reste sans réponse depuis deux jours")
    assert found
    assert "Sans attendre" in urgent[-150:]


def test_what_was_refused_is_sent_anew_by_itself(operator, script, invoice):
    script.failures = [PlatformRefuses("Le service destinataire n'existe pas.")]
    operator.post(transmit_url(invoice))
    delivery.deliver_due()
    page = " ".join(page_text(operator.get(PAGE)).split())
    assert f'href="{transmit_url(invoice)}"' in page
    assert "Notez-la rejetée depuis sa fiche" in page
    assert "Transmettre 1 document" not in page
    OrderFactory(current=True, confirmed=True)
    # One click sends the others alone.
    page = " ".join(page_text(operator.get(PAGE)).split())
    assert "Transmettre 1 document" in page
    assert f'href="{transmit_url(invoice.order.invoices.model.objects.latest("pk"))}"' in page


def test_what_was_noted_by_hand_is_no_longer_awaited(operator, script, invoice):
    operator.post(transmit_url(invoice))
    delivery.deliver_due()
    Transmission.objects.update(sent_at=timezone.now() - datetime.timedelta(days=2))
    assert "dépôt D1 : sans réponse depuis" in page_text(operator.get(PAGE))
    page = run_action(operator, invoice, "etat", state="rejected", reason="SIRET inconnu")
    assert "Rejetée par la plateforme : SIRET inconnu." in page
    assert "dépôt D1" not in page
    assert "dépôt D1" not in page_text(operator.get(PAGE))
    assert "sans réponse depuis deux jours" not in read_work_items(operator)


def test_a_platform_that_never_answers_is_given_up(operator, script, invoice):
    operator.post(transmit_url(invoice))
    delivery.deliver_due()
    assert operator.get(action_url(invoice, "ne-plus-attendre")).status_code == 302  # it has two days
    Transmission.objects.update(sent_at=timezone.now() - datetime.timedelta(days=2))
    assert "revient parmi les factures à déposer" in page_text(operator.get(action_url(invoice, "ne-plus-attendre")))
    page = run_action(operator, invoice, "ne-plus-attendre", reason="Dépôt perdu, dit Chorus Pro.")
    assert "est de nouveau à déposer" in page
    event = OrderEvent.objects.get(action="platform_given_up")
    assert "dépôt D1 : Dépôt perdu" in event.summary
    assert list(invoicing.list_undeposited()) == [invoice]
    assert not list_all_violations()
    operator.post(transmit_url(invoice))
    delivery.deliver_due()
    assert script.sent == [f"{invoice.number}-1", f"{invoice.number}-2"]


def test_an_answer_that_comes_first_is_not_given_up(script, invoice):
    operations.request_transmissions(invoice_ids=[invoice.pk], by=None, at=timezone.now())
    delivery.deliver_due()
    sent = Transmission.objects.get()
    script.verdict = TransmissionState.ACCEPTED
    delivery.deliver(sent)
    later = timezone.now() + datetime.timedelta(days=3)
    with refuses("nothing_to_transmit"):
        operations.give_up(transmission_id=sent.pk, reason="Perdu.", by=UserFactory(), at=later)
    with pytest.raises(NoReason):
        operations.give_up(transmission_id=sent.pk, reason=" ", by=UserFactory(), at=later)


def test_a_rejected_invoice_is_led_to_from_the_page(operator, script, invoice):
    operations.request_transmissions(invoice_ids=[invoice.pk], by=None, at=timezone.now())
    delivery.deliver_due()
    script.verdict, script.message = TransmissionState.REJECTED, "SIRET inconnu"
    delivery.deliver(Transmission.objects.get())
    page = " ".join(page_text(operator.get(PAGE)).split())
    assert "1 facture rejetée ou refusée" in page
    assert "Refaire sous un nouveau numéro" in page_text(operator.get(f"/admin/billing/invoice/{invoice.pk}/change/"))


def test_without_a_platform_the_page_offers_archives_alone(operator, invoice):
    page = page_text(operator.get(PAGE))
    assert "Télécharger l’archive" in page
    assert "Transmettre" not in page
    assert operator.get(transmit_url(invoice)).status_code == 404
    assert "à déposer : Chorus Pro" in read_work_items(operator)


def test_the_seller_chooses_to_send_without_a_click(operator, script, invoice):
    seller = Seller.objects.get()
    page = page_text(operator.get(f"/admin/catalogue/seller/{seller.pk}/change/"))
    assert "Dès son émission, chaque facture ou avoir part" in page
    assert not seller.transmits_automatically


@pytest.mark.small
def test_what_was_noted_by_hand_is_not_transmitted(script, invoice):
    billing_operations.record_deposit(invoice_ids=[invoice.pk], by=None, at=timezone.now())
    assert operations.request_transmissions(invoice_ids=[invoice.pk], by=None, at=timezone.now()) == 0
    assert not invoicing.list_undeposited().exists()
