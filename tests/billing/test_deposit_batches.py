"""Invoices for Chorus Pro or a platform: the deposit batch, and the status of each there."""

import csv
import io
import zipfile

import pytest
from django.db import ProgrammingError, transaction

from licensing.books.billing import invoicing
from licensing.books.billing import operations as billing_operations
from licensing.books.billing.models import InvoiceRoute, PlatformState, PlatformStatus
from licensing.orders.exceptions import NoReason
from licensing.orders.models import OrderEvent, Payer, PublicBody
from licensing.orders.payers import BuyerKind, get_buyer_kind
from tests.conftest import TERM
from tests.factories.accounts import UserFactory
from tests.factories.orders import StoredOrderFactory
from tests.refusals import refuses
from tests.tiers import sampled

pytestmark = pytest.mark.django_db


@pytest.mark.slow
def test_a_batch_holds_what_was_not_deposited_yet():
    operator = UserFactory()
    deposited = invoicing.issue_invoice(StoredOrderFactory(five_classes=True), at=TERM)
    invoicing.issue_invoice(
        StoredOrderFactory(card_purchase=True), at=TERM, paid_by_card=True
    )  # a private person: nothing to deposit
    bad_name = invoicing.issue_invoice(StoredOrderFactory(five_classes=True, bill_name="=1+1"), at=TERM)
    billing_operations.record_platform_status(
        invoice_id=deposited.pk, state=PlatformState.DEPOSITED, by=operator, at=TERM
    )
    note = invoicing.issue_credit_note(bad_name, at=TERM, reason="Nom corrigé")

    file = io.BytesIO()
    invoicing.write_batch(file, invoicing.list_undeposited(), at=TERM)
    with zipfile.ZipFile(file) as archive:
        # A platform takes whatever is in there for an invoice: no list.
        assert archive.namelist() == [f"{bad_name.number}.pdf", f"{note.number}.pdf"]
        assert archive.read(f"{note.number}.pdf") == bytes(note.document.content)
    written = invoicing.build_batch_list(invoicing.list_undeposited()).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(written), delimiter=";"))
    assert [row[0] for row in rows[1:]] == [f"{bad_name.number}.pdf", f"{note.number}.pdf"]
    assert rows[1][5:] == [
        "'=1+1",
        "21300189400012",
        "213001894",
        "SCOLAIRE",
        "EJ-2026-0042",
        "165,83",
        "33,17",
        "199,00",
        "",
    ]
    assert rows[2][1:3] + rows[2][-1:] == ["Avoir", note.number, bad_name.number]

    both = [bad_name.pk, note.pk, deposited.pk]
    assert billing_operations.record_deposit(invoice_ids=both, by=operator, at=TERM) == 2
    assert billing_operations.record_deposit(invoice_ids=both, by=operator, at=TERM) == 0
    assert not invoicing.list_undeposited().exists()


#: Payer, sector of the school, whether Chorus Pro's directory has the SIRET, and the route.
ROUTES = [
    (Payer.TOWN_HALL, "Public", False, InvoiceRoute.CHORUS_PRO),
    (Payer.COLLECTIVITY, "Public", False, InvoiceRoute.CHORUS_PRO),
    (Payer.SCHOOL, "Public", False, InvoiceRoute.CHORUS_PRO),
    (Payer.SCHOOL, "Privé", False, InvoiceRoute.PLATFORM),
    (Payer.COOPERATIVE, "Public", False, InvoiceRoute.PLATFORM),
    (Payer.COMPANY, "Public", False, InvoiceRoute.PLATFORM),
    (Payer.OTHER, "Public", False, InvoiceRoute.PLATFORM),
    (Payer.OTHER, "Public", True, InvoiceRoute.CHORUS_PRO),
]


@pytest.mark.parametrize(("payer", "sector", "in_directory", "route"), sampled(ROUTES, fast=2))
def test_each_route_has_its_own_batch(payer, sector, in_directory, route):
    """Public bodies are reached through Chorus Pro, everybody else by a platform; never both."""
    order = StoredOrderFactory(five_classes=True, payer=payer, school__sector=sector)
    if in_directory:
        PublicBody.objects.create(siret=order.siret, name="Syndicat", changed_at=TERM)
    invoice = invoicing.issue_invoice(order, at=TERM)
    other = next(one for one in InvoiceRoute if one != route)
    assert (list(invoicing.list_undeposited(route)), list(invoicing.list_undeposited(other))) == ([invoice], [])
    assert (invoice.route, get_buyer_kind(order)) == (route, invoice.buyer_kind)


@pytest.mark.slow
def test_the_route_is_frozen_with_the_invoice():
    """Chorus Pro's directory changes every day: an invoice that was issued keeps its way, and its credit note too."""
    order = StoredOrderFactory(five_classes=True, payer=Payer.OTHER)
    invoice = invoicing.issue_invoice(order, at=TERM)
    PublicBody.objects.create(siret=order.siret, name="Syndicat", changed_at=TERM)
    note = invoicing.issue_credit_note(invoice, at=TERM, reason="Erreur")
    assert (invoice.buyer_kind, note.buyer_kind) == (BuyerKind.TAXABLE, BuyerKind.TAXABLE)
    assert list(invoicing.list_undeposited(InvoiceRoute.PLATFORM)) == [invoice, note]
    assert not invoicing.list_undeposited(InvoiceRoute.CHORUS_PRO).exists()
    # The next invoice of that payer goes by the directory as it is then.
    assert invoicing.issue_invoice(order, at=TERM).route == InvoiceRoute.CHORUS_PRO


@pytest.mark.parametrize("payer", [Payer.OTHER, Payer.COOPERATIVE])
def test_a_consumer_s_invoice_is_not_to_be_deposited(payer):
    """Without a SIREN, and not a public body: no platform leads to them."""
    invoice = invoicing.issue_invoice(StoredOrderFactory(five_classes=True, payer=payer, siret=""), at=TERM)
    assert (invoice.buyer_kind, invoice.route) == (BuyerKind.CONSUMER, None)
    assert not invoicing.list_undeposited().exists()


def test_a_company_known_by_its_siren_alone_is_deposited_too():
    order = StoredOrderFactory(five_classes=True, payer=Payer.COMPANY, siret="", siren="213001894")
    invoice = invoicing.issue_invoice(order, at=TERM)
    assert list(invoicing.list_undeposited(InvoiceRoute.PLATFORM)) == [invoice]


def test_the_route_of_an_order_without_a_school_is_that_of_its_payer():
    invoice = invoicing.issue_invoice(StoredOrderFactory(five_classes=True, school=None, payer=Payer.SCHOOL), at=TERM)
    assert list(invoicing.list_undeposited(InvoiceRoute.PLATFORM)) == [invoice]


@pytest.mark.slow
@pytest.mark.parametrize("state", [PlatformState.REJECTED, PlatformState.REFUSED])
def test_the_credit_note_of_a_rejected_invoice_is_not_deposited(state):
    """No accounts office booked that invoice: only its replacement is deposited."""
    operator, order = UserFactory(), StoredOrderFactory(five_classes=True)
    rejected = invoicing.issue_invoice(order, at=TERM)
    billing_operations.record_platform_status(
        invoice_id=rejected.pk, state=PlatformState.DEPOSITED, by=operator, at=TERM
    )
    billing_operations.record_platform_status(
        invoice_id=rejected.pk, state=state, reason="Engagement inconnu", by=operator, at=TERM
    )
    invoicing.issue_credit_note(rejected, at=TERM, reason="Engagement inconnu")
    again = invoicing.issue_invoice(order, at=TERM)
    assert list(invoicing.list_undeposited()) == [again]
    # An invoice that was booked is cancelled there by its credit note.
    billing_operations.record_platform_status(invoice_id=again.pk, state=PlatformState.APPROVED, by=operator, at=TERM)
    taken_back = invoicing.issue_credit_note(again, at=TERM, reason="Commande annulée")
    assert list(invoicing.list_undeposited()) == [taken_back]


@pytest.mark.slow
def test_a_status_says_why_comes_in_order_and_stays():
    operator = UserFactory()
    invoice = invoicing.issue_invoice(StoredOrderFactory(five_classes=True), at=TERM)

    def record(state: PlatformState, reason: str = "") -> PlatformStatus:
        return billing_operations.record_platform_status(
            invoice_id=invoice.pk, state=state, reason=reason, by=operator, at=TERM
        )

    assert record(PlatformState.DEPOSITED) == record(PlatformState.DEPOSITED)
    record(PlatformState.RECEIVED)
    with refuses("invalid_status"):
        record(PlatformState.DEPOSITED)
    with pytest.raises(NoReason):
        record(PlatformState.REFUSED)
    record(PlatformState.REFUSED, "Engagement inconnu")
    with refuses("invalid_status"):
        record(PlatformState.IN_PAYMENT)
    assert list(invoice.statuses.order_by("pk").values_list("state", flat=True)) == ["deposited", "received", "refused"]
    assert "Engagement inconnu" in OrderEvent.objects.latest("pk").summary
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        PlatformStatus.objects.update(state=PlatformState.APPROVED)
