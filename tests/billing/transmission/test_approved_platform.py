"""The connector of approved platforms against a platform over real HTTP, which refuses what the norm refuses."""

import dataclasses
import datetime
import logging
from decimal import Decimal

import pytest

from core.calendar import PARIS, date_in_paris
from jobs.models import SetAsideItem
from licensing.books.billing import invoicing
from licensing.books.billing.models import PlatformState
from licensing.books.billing.transmission import delivery, operations
from licensing.books.billing.transmission.accounts import ApprovedPlatformAccount
from licensing.books.billing.transmission.approved_platform import ApprovedPlatform
from licensing.books.billing.transmission.cdar import CollectedAmount, CollectionStatement
from licensing.books.billing.transmission.models import Transmission, TransmissionState
from licensing.books.billing.transmission.platforms import (
    NotSupported,
    PlatformRefuses,
    PlatformSilent,
)
from licensing.orders.models import Payer
from tests.billing.transmission.fake_platform import CLIENT_ID, CLIENT_SECRET, ORGANIZATION, FakePlatformServer
from tests.billing.transmission.lifecycle_messages import write_lifecycle_message
from tests.conftest import TERM
from tests.factories.orders import StoredOrderFactory

pytestmark = pytest.mark.django_db

SIREN, SIRET = "732829320", "73282932000074"
PATH = "licensing.books.billing.transmission.approved_platform.ApprovedPlatform"


DECLARED = CollectionStatement(
    message_id="P2026-000001-212-1",
    invoice_number="P2026-000001",
    invoice_type="380",
    invoice_date=date_in_paris(TERM),
    seller_siren="100000009",
    seller_name="Pep's",
    buyer_siren=SIREN,
    buyer_name="Institut Sainte-Anne",
    buyer_address=f"{SIREN}_{SIRET}",
    at=TERM,
    made_at=TERM,
    amounts=(CollectedAmount(vat_rate=Decimal(20), amount=Decimal("238.80")),),
)


@pytest.fixture
def platform():
    with FakePlatformServer() as platform:
        yield platform


@pytest.fixture
def account(platform):
    return ApprovedPlatformAccount(
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        token_url=f"{platform.url}/token",
        base_url=f"{platform.url}/flow-service",
        organization=ORGANIZATION,
        number="0042",
        name="Plateforme",
    )


@pytest.fixture
def connector(account):
    return ApprovedPlatform(account)


@pytest.fixture
def invoice():
    """An invoice to a business."""
    order = StoredOrderFactory(five_classes=True, school=None, payer=Payer.COMPANY, siren=SIREN, siret=SIRET)
    return invoicing.issue_invoice(order, at=TERM)


@pytest.fixture
def transmission(settings, account, invoice):
    """Its transmission, which is still to be sent."""
    settings.INVOICE_PLATFORMS = {"platform": (PATH, account)}
    operations.request_transmissions(invoice_ids=[invoice.pk], by=None, at=TERM)
    return Transmission.objects.get()


def deposit(connector, transmission) -> str:
    document = invoicing.get_or_create_document(transmission.invoice, at=TERM)
    return connector.send(transmission, bytes(document.content))


def send(connector, transmission):
    """Send the invoice, and return its transmission, of which the connector is asked."""
    reference = deposit(connector, transmission)
    operations.record_sent(transmission_id=transmission.pk, reference=reference, at=datetime.datetime.now(datetime.UTC))
    transmission.refresh_from_db()
    return transmission


def list_states(story) -> list[PlatformState]:
    return [entry.state for entry in story.entries]


@pytest.mark.slow
def test_a_factur_x_goes_out_as_one_flow_that_the_norm_accepts(platform, connector, transmission):
    sent = send(connector, transmission)

    (flow,) = platform.list_sent()
    assert (flow["flowId"], flow["trackingId"]) == (sent.reference, transmission.tracking_id)
    assert (flow["processingRule"], flow["flowProfile"], flow["name"]) == ("B2B", "CIUS", f"{sent.invoice.number}.pdf")
    assert connector.fetch_story(sent).verdict == TransmissionState.ACCEPTED
    assert list_states(connector.fetch_story(sent)) == [PlatformState.DEPOSITED]


@pytest.mark.slow
def test_an_invoice_that_breaks_the_norm_is_rejected_in_the_platform_s_words(settings, account, connector):
    """The stand-in runs the schematrons over what the PDF embeds: this SIRET is not of the SIREN."""
    settings.INVOICE_PLATFORMS = {"platform": (PATH, account)}
    order = StoredOrderFactory(five_classes=True, school=None, payer=Payer.COMPANY, siren=SIREN)
    operations.request_transmissions(invoice_ids=[invoicing.issue_invoice(order, at=TERM).pk], by=None, at=TERM)

    story = connector.fetch_story(send(connector, Transmission.objects.get()))

    assert story.verdict == TransmissionState.REJECTED
    assert story.message.startswith("BR-FR-09/BT-46 : Le SIRET doit contenir 14 chiffres et commencer par le SIREN.")


@pytest.mark.slow
def test_an_acknowledgement_that_is_late_is_awaited(platform, connector, transmission):
    platform.is_late = True
    platform.gives_deposit_status = False
    sent = send(connector, transmission)
    assert connector.fetch_story(sent).verdict == TransmissionState.SENT

    platform.acknowledge_all()

    assert connector.fetch_story(sent).verdict == TransmissionState.ACCEPTED


@pytest.mark.slow
def test_the_story_is_the_same_however_often_and_in_which_order_it_comes(platform, connector, transmission):
    sent = send(connector, transmission)
    noon = datetime.datetime(2026, 9, 5, 12, 0, tzinfo=PARIS)
    hour = datetime.timedelta(hours=1)
    platform.give_status(
        sent.invoice.number, 210, at=noon + 3 * hour, given_by="BY", reasons=[("CMD_ERR", "N° inconnu")]
    )
    platform.give_status(sent.invoice.number, 207, at=noon + 2 * hour, given_by="BY", reasons=[("AUTRE", "")])
    platform.give_status(sent.invoice.number, 204, at=noon + 1 * hour, given_by="BY")
    platform.give_status("P2026-999999", 210, at=noon, reasons=[("CMD_ERR", "D'une autre facture")])
    platform.add_message(b"<broken")
    first = connector.fetch_story(sent)

    platform.repeat_messages()

    # By an earlier process's connector and by a new one.
    again, anew = connector.fetch_story(sent), ApprovedPlatform(connector.account).fetch_story(sent)
    assert set(first.entries) == set(again.entries) == set(anew.entries)
    assert len(first.entries) == len(again.entries)
    reasons = {entry.state: (entry.reason, entry.at) for entry in first.entries}
    assert reasons[PlatformState.REFUSED] == ("N° inconnu (CMD_ERR)", noon + 3 * hour)
    assert reasons[PlatformState.DISPUTED] == ("AUTRE", noon + 2 * hour)
    assert set(reasons) == {PlatformState.DEPOSITED, PlatformState.REFUSED, PlatformState.DISPUTED}


@pytest.mark.slow
def test_a_message_that_cannot_be_read_is_set_aside_and_the_others_are_read(platform, connector, transmission):
    sent = send(connector, transmission)
    for broken in (
        b"<broken",
        write_lifecycle_message(number=sent.invoice.number, code=205, message_id="a").replace(
            b">205<", b">" + b"9" * 5000 + b"<"
        ),
        write_lifecycle_message(number=sent.invoice.number, code=205, message_id="b").replace(
            b'"204">2026', b'"204">0001'
        ),
        write_lifecycle_message(number=sent.invoice.number, code=205, message_id="c").replace(
            b'"204">2026', b'"204">9999'
        ),
    ):
        platform.add_message(broken)
    for undated in ("9999-12-31T23:59:59-12:00", "hier", None):
        platform.give_status(sent.invoice.number, 207, given_by="BY", reasons=[("AUTRE", "")])
        platform.flows[-1]["updatedAt"] = undated or "9999-12-31T23:59:59.5Z"
    platform.give_status(sent.invoice.number, 211, given_by="BY")

    assert PlatformState.IN_PAYMENT in list_states(connector.fetch_story(sent))

    assert (
        sorted(SetAsideItem.objects.values_list("source", flat=True)) == ["Plateforme agréée : états des factures"] * 4
    )
    # A date ahead hides nothing that is shown later.
    platform.give_status(sent.invoice.number, 210, given_by="BY", reasons=[("CMD_ERR", "N° inconnu")])
    assert PlatformState.REFUSED in list_states(connector.fetch_story(sent))


@pytest.mark.slow
def test_each_message_is_downloaded_once(platform, connector, transmission):
    """300 invoices are followed by one connector: asking for the last must not read what was read for the first."""
    sent = send(connector, transmission)
    platform.page_size = 2
    for code in (202, 203, 205):
        platform.give_status(sent.invoice.number, code)
    connector.fetch_story(sent)
    downloads = sum(method == "GET" for method, _ in platform.requests)
    assert downloads == 4
    platform.give_status(sent.invoice.number, 211)

    assert PlatformState.IN_PAYMENT in list_states(connector.fetch_story(sent))

    assert sum(method == "GET" for method, _ in platform.requests) == downloads + 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "state", "reason"),
    [
        (203, PlatformState.RECEIVED, ""),
        (205, PlatformState.APPROVED, ""),
        (206, PlatformState.DISPUTED, "Approuvée en partie seulement. Une clé manque (QTE_ERR)"),
        (208, PlatformState.SUSPENDED, "La plateforme ne donne pas de motif."),
        (209, PlatformState.COMPLETED, ""),
        (211, PlatformState.IN_PAYMENT, ""),
        (213, PlatformState.REJECTED, "La plateforme ne donne pas de motif."),
        (501, PlatformState.REJECTED, "La plateforme ne donne pas de motif."),
    ],
)
def test_statuses_of_the_norm_become_states_of_ours(platform, connector, transmission, *, code, state, reason):
    sent = send(connector, transmission)
    reasons = [("QTE_ERR", "Une clé manque")] if code == 206 else []
    platform.give_status(sent.invoice.number, code, given_by="BY", reasons=reasons)

    entry = next(one for one in connector.fetch_story(sent).entries if one.state != PlatformState.DEPOSITED)

    assert (entry.state, entry.reason) == (state, reason)


@pytest.mark.slow
def test_a_rejection_by_a_life_cycle_message_ends_the_deposit(platform, connector, transmission):
    sent = send(connector, transmission)
    platform.give_status(sent.invoice.number, 213, reasons=[("DEST_INC", "Destinataire inconnu")])

    story = connector.fetch_story(sent)

    assert (story.verdict, story.message) == (TransmissionState.REJECTED, "Destinataire inconnu (DEST_INC)")


@pytest.mark.slow
def test_an_answer_that_is_lost_does_not_send_twice(platform, connector, transmission):
    platform.cut_after = ["/flow-service/v1/flows"]
    with pytest.raises(PlatformSilent):
        deposit(connector, transmission)

    reference = deposit(connector, transmission)

    assert [flow["flowId"] for flow in platform.list_sent()] == [reference]


@pytest.mark.slow
@pytest.mark.parametrize("compares_sums", [True, False], ids=["refused as a file", "refused by its number"])
def test_a_second_sending_that_the_platform_could_not_recognise_is_no_rejection(
    platform, connector, transmission, compares_sums
):
    """A platform may show a flow minutes later (XP Z12-013, 5.3.2): the second one is refused, and the first counts."""
    platform.hides_new, platform.compares_sums = True, compares_sums
    platform.cut_after = ["/flow-service/v1/flows"]
    with pytest.raises(PlatformSilent):
        deposit(connector, transmission)
    sent = send(connector, transmission)
    assert connector.fetch_story(sent).verdict != TransmissionState.REJECTED

    platform.show_all()

    story = connector.fetch_story(sent)
    assert len(platform.list_sent()) == 2
    assert (story.verdict, list_states(story)) == (TransmissionState.ACCEPTED, [PlatformState.DEPOSITED])


@pytest.mark.slow
def test_a_number_that_is_known_already_is_a_rejection_where_it_was_sent_once(platform, connector, transmission):
    sent = send(connector, transmission)
    platform.give_status(sent.invoice.number, 213, reasons=[("REJ_UNI", "Numéro déjà connu")])

    assert connector.fetch_story(sent).verdict == TransmissionState.REJECTED


@pytest.mark.slow
def test_a_token_is_kept_until_the_platform_no_longer_takes_it(platform, connector, transmission):
    sent = send(connector, transmission)
    connector.fetch_story(sent)
    assert platform.count_requests("/token") == 1

    platform.expire_tokens()
    connector.fetch_story(sent)

    assert platform.count_requests("/token") == 2


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["down", "credentials", "address", "not json"])
def test_a_platform_that_does_not_answer_is_asked_again_later(platform, account, transmission, fault, caplog):
    """Neither the log nor the error holds the secret, the token or the invoice."""
    platform.down = fault == "down"
    platform.answers_text = fault == "not json"
    if fault == "credentials":
        account = dataclasses.replace(account, client_secret="wrong-secret")
    if fault == "address":
        account = dataclasses.replace(account, token_url="http://127.0.0.1:1/token")

    with caplog.at_level(logging.DEBUG), pytest.raises(PlatformSilent) as silence:
        deposit(ApprovedPlatform(account), transmission)

    for secret in ("wrong-secret", CLIENT_SECRET, "token-"):
        assert secret not in caplog.text + str(silence.value)
    assert silence.value.__cause__ is None


@pytest.mark.slow
def test_a_request_that_the_platform_refuses_says_why(platform, connector, transmission):
    transmission.tracking_id = "x" * 256

    with pytest.raises(PlatformRefuses, match="name ou trackingId trop long – INVALID_FIELD"):
        deposit(connector, transmission)


@pytest.mark.slow
def test_collected_is_declared_once_with_its_amounts(platform, connector, transmission):
    declared = dataclasses.replace(DECLARED, invoice_number=send(connector, transmission).invoice.number)

    first, second = connector.declare_collected(declared), connector.declare_collected(declared)

    (flow,) = platform.list_sent("CDAR")
    assert first == second == flow["flowId"]
    assert flow["acknowledgement"] == {"status": "Ok"}
    assert (flow["processingRule"], flow["trackingId"]) == ("NotApplicable", "P2026-000001-212-1")


@pytest.mark.slow
def test_what_we_declared_comes_not_back_as_news(platform, connector, transmission):
    sent = send(connector, transmission)
    connector.declare_collected(dataclasses.replace(DECLARED, invoice_number=sent.invoice.number))
    platform.add_message(platform.contents[platform.list_sent("CDAR")[0]["flowId"]])

    assert list_states(connector.fetch_story(sent)) == [PlatformState.DEPOSITED]


@pytest.mark.slow
def test_the_platform_refuses_a_declaration_that_breaks_the_norm(platform, connector, transmission):
    """The stand-in looks at what it is sent: three digits of a rate are one too many."""
    sent = send(connector, transmission)
    amounts = (CollectedAmount(vat_rate=Decimal(120), amount=Decimal(1)),)
    reference = connector.declare_collected(
        dataclasses.replace(DECLARED, invoice_number=sent.invoice.number, amounts=amounts)
    )
    sent.tracking_id, sent.reference = "P2026-000001-212-1", reference

    story = connector.fetch_story(sent)

    assert (story.verdict, story.message) == (TransmissionState.REJECTED, "BR-FR-CDV-14 (InvoiceLCRuleError)")


def test_other_states_and_buyers_without_a_siren_are_not_declared(connector, invoice):
    with pytest.raises(NotSupported):
        connector.declare_collected(dataclasses.replace(DECLARED, buyer_siren=""))
    with pytest.raises(NotSupported):
        delivery.build_collection_statement(Transmission(invoice=invoice, content={"state": "approved"}))


def make_report(*, amount="120.00") -> tuple[str, dict]:
    content = {
        "kind": "payments",
        "begins_on": "2026-09-01",
        "ends_on": "2026-09-30",
        "rank": 0,
        "made_at": "2026-10-01T08:00:00+02:00",
        "seller": {"siren": SIREN, "name": "Pep's"},
        "vat_on_debits": False,
        "days": [{"on": "2026-09-03", "rates": [{"vat_rate": "20.00", "ttc": amount}]}],
    }
    return "payments-20260901-0-1", content


def test_a_period_is_reported_once(platform, connector):
    assert connector.report(*make_report()) == connector.report(*make_report())

    (flow,) = platform.list_sent("FRR")
    assert (flow["processingRule"], flow["acknowledgement"]) == ("NotApplicable", {"status": "Ok"})


def test_a_report_needs_the_platform_s_number_and_amounts_without_a_sign(account, connector):
    with pytest.raises(NotSupported, match="APPROVED_PLATFORM_NUMBER"):
        ApprovedPlatform(dataclasses.replace(account, number="", name="")).report(*make_report())
    with pytest.raises(NotSupported, match="montant négatif"):
        connector.report(*make_report(amount="-1.00"))


@pytest.mark.slow
def test_an_invoice_is_sent_followed_and_refused_from_end_to_end(platform, transmission, invoice):
    """By the delivery that every worker runs: its states, its event and its rejection are recorded."""
    delivery.deliver_due()
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    platform.give_status(invoice.number, 210, at=later, given_by="BY", reasons=[("CMD_ERR", "N° de commande inconnu")])
    transmission.refresh_from_db()
    delivery.deliver(transmission)

    transmission.refresh_from_db()
    assert (transmission.state, transmission.next_try_at) == (TransmissionState.ACCEPTED, None)
    assert invoice.get_rejection().reason == "N° de commande inconnu (CMD_ERR)"


@pytest.mark.slow
def test_public_bodies_are_invoiced_by_the_platform_where_the_operator_chose_so(settings, platform, account):
    settings.INVOICE_PLATFORMS = {"platform": (PATH, account)}
    to_public = invoicing.issue_invoice(StoredOrderFactory(five_classes=True, school=None), at=TERM)
    assert operations.request_transmissions(invoice_ids=[to_public.pk], by=None, at=TERM) == 0
    settings.APPROVED_PLATFORM_TAKES_PUBLIC = True

    assert operations.request_transmissions(invoice_ids=[to_public.pk], by=None, at=TERM) == 1

    delivery.deliver_due()
    assert [flow["processingRule"] for flow in platform.list_sent()] == ["B2G"]
