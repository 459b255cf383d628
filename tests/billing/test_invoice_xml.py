"""The XML of invoices: valid for the schematrons of EN 16931 and of France, and equal to the order."""

import datetime
from decimal import Decimal
from typing import Any

import pytest
from lxml import etree

from core.calendar import date_in_paris
from core.money import extract_vat
from licensing.books.billing import cii, invoicing
from licensing.catalogue import pricing
from licensing.catalogue.models import SchoolTier, Seller
from licensing.orders.models import Payer
from licensing.orders.settlement import PaymentMethod
from licensing.payments.models import Payment, PaymentKind
from tests.billing.schematron import list_violations
from tests.billing.xml_text import xml_texts
from tests.conftest import TERM
from tests.factories.orders import StoredOrderFactory
from tests.factories.payments import CardPaymentFactory
from tests.factories.schools import SchoolFactory
from tests.factories.shop import put_on_sale

pytestmark = pytest.mark.django_db


def create_payment(
    order, amount: str, method: str = PaymentMethod.TRANSFER, refunds: Payment | None = None, **fields: Any
) -> Payment:
    return Payment.objects.create(
        order=order,
        kind=PaymentKind.RECEIVED if refunds is None else PaymentKind.REFUNDED,
        method=method,
        amount=Decimal(amount),
        received_on=datetime.date(2026, 11, 20),
        reference=f"VIR {amount}",
        refunds=refunds,
        recorded_at=TERM,
        **fields,
    )


def test_to_a_town_hall():
    xml = invoicing.issue_invoice(StoredOrderFactory(five_classes=True), at=TERM).xml
    assert list_violations(xml) == []
    assert xml_texts(xml, "BuyerReference") == ["SCOLAIRE"]
    assert xml_texts(xml, "BuyerOrderReferencedDocument/IssuerAssignedID") == ["EJ-2026-0042"]
    assert xml_texts(xml, "BuyerTradeParty/GlobalID") == ["21300189400012"]
    assert xml_texts(xml, "BuyerTradeParty/SpecifiedLegalOrganization/ID") == ["213001894"]
    assert xml_texts(xml, "GrandTotalAmount") == xml_texts(xml, "DuePayableAmount") == ["199.00"]


#: Payer, whether paid before, and BT-23: Chorus Pro has a list of its own, France's rules another.
PROCESSES = [
    (Payer.TOWN_HALL, False, "A1"),
    (Payer.TOWN_HALL, True, "A2"),
    (Payer.COMPANY, False, "S1"),
    (Payer.COMPANY, True, "S2"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("payer", "paid", "process"), PROCESSES)
def test_each_route_has_its_own_list_of_business_processes(payer, paid, process):
    order = StoredOrderFactory(five_classes=True, payer=payer)
    invoice = invoicing.issue_invoice(order, at=TERM, paid_by_card=paid)
    assert xml_texts(invoice.xml, "BusinessProcessSpecifiedDocumentContextParameter/ID") == [process]
    assert list_violations(invoice.xml) == []
    note = invoicing.issue_credit_note(invoice, at=TERM, reason="Erreur")
    assert xml_texts(note.xml, "BusinessProcessSpecifiedDocumentContextParameter/ID") == [process[0] + "1"]
    assert list_violations(note.xml) == []


@pytest.mark.slow
def test_to_a_collectivity_and_its_credit_note(gard):
    invoice = invoicing.issue_invoice(StoredOrderFactory(collectivity_purchase=True, collectivity=gard), at=TERM)
    assert list_violations(invoice.xml) == []
    assert xml_texts(invoice.xml, "BilledQuantity") == ["2000"]
    assert xml_texts(invoice.xml, "GrandTotalAmount") == ["48000.00"]
    note = invoicing.issue_credit_note(invoice, at=TERM, reason="Rejetée : numéro d'engagement inconnu")
    assert list_violations(note.xml) == []
    assert xml_texts(note.xml, "ExchangedDocument/TypeCode") == ["381"]
    assert xml_texts(note.xml, "InvoiceReferencedDocument/IssuerAssignedID") == [invoice.number]
    assert xml_texts(note.xml, "GrandTotalAmount") == ["48000.00"]


@pytest.mark.slow
def test_to_a_company_of_which_only_the_siren_is_known():
    order = StoredOrderFactory(
        five_classes=True, payer=Payer.COMPANY, siret="", siren="213001894", service_code="", engagement_number=""
    )
    xml = invoicing.issue_invoice(order, at=TERM).xml
    assert list_violations(xml) == []
    assert xml_texts(xml, "BuyerTradeParty/SpecifiedLegalOrganization/ID") == ["213001894"]
    assert xml_texts(xml, "BuyerTradeParty/GlobalID") == []
    # Its address in the directory of electronic invoicing: a platform delivers to it.
    assert xml_texts(xml, "BuyerTradeParty/URIUniversalCommunication/URIID") == ["213001894"]


@pytest.mark.slow
def test_paid_by_card_without_a_siret():
    xml = invoicing.issue_invoice(StoredOrderFactory(card_purchase=True), at=TERM, paid_by_card=True).xml
    assert list_violations(xml) == []
    assert xml_texts(xml, "BusinessProcessSpecifiedDocumentContextParameter/ID") == ["S2"]
    assert xml_texts(xml, "TotalPrepaidAmount") == ["49.00"]
    assert xml_texts(xml, "DuePayableAmount") == ["0.00"]
    assert xml_texts(xml, "BuyerTradeParty/URIUniversalCommunication/URIID") == ["camille+classe@exemple.example"]


@pytest.mark.slow
@pytest.mark.parametrize("method", [PaymentMethod.CHEQUE, PaymentMethod.TRANSFER])
def test_paid_in_part_and_reissued_once_it_is_paid(method):
    order = StoredOrderFactory(five_classes=True)
    create_payment(order, "50.00")
    first = invoicing.issue_invoice(order, at=TERM)
    assert list_violations(first.xml) == []
    assert xml_texts(first.xml, "DuePayableAmount") == ["149.00"]
    create_payment(order, "149.00", method)
    invoicing.issue_credit_note(first, at=TERM, reason="SIRET corrigé")
    second = invoicing.issue_invoice(order, at=TERM)
    assert list_violations(second.xml) == []
    assert xml_texts(second.xml, "DuePayableAmount") == ["0.00"]
    assert f"Réglée par {PaymentMethod(method).label.lower()}" in second.snapshot["terms"]


@pytest.mark.slow
def test_money_that_went_back_is_not_what_paid_it():
    order = StoredOrderFactory(five_classes=True)
    first = invoicing.issue_invoice(order, at=TERM)
    create_payment(order, "199.00", PaymentMethod.CHEQUE)
    twice = create_payment(order, "199.00", PaymentMethod.CARD)
    create_payment(order, "-199.00", PaymentMethod.CARD, refunds=twice)
    invoicing.issue_credit_note(first, at=TERM, reason="SIRET corrigé")
    assert "Réglée par chèque" in invoicing.issue_invoice(order, at=TERM).snapshot["terms"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("paid_by", "code"),
    [(None, "97"), (PaymentMethod.CARD, "48"), (PaymentMethod.CHEQUE, "20"), (PaymentMethod.TRANSFER, "42")],
)
def test_a_credit_note_says_how_the_money_goes_back(paid_by, code):
    """BG-16: as it was paid; set off where nothing was. Chorus Pro refuses a document without payment means."""
    order = StoredOrderFactory(five_classes=True)
    invoice = invoicing.issue_invoice(order, at=TERM)
    if paid_by:
        create_payment(order, "199.00", paid_by)
    note = invoicing.issue_credit_note(invoice, at=TERM, reason="Commande annulée")
    assert xml_texts(note.xml, "SpecifiedTradeSettlementPaymentMeans/TypeCode") == [code]
    assert xml_texts(note.xml, "SpecifiedTradeSettlementPaymentMeans/Information") == [
        note.snapshot["corrects"]["refund_terms"]
    ]
    # An account there would be read as the one to pay to.
    assert xml_texts(note.xml, "PayeePartyCreditorFinancialAccount/IBANID") == []
    assert list_violations(note.xml) == []


def test_a_credit_note_before_another_invoice_gives_nothing_back():
    """What was paid counts for the invoice that follows."""
    order = StoredOrderFactory(five_classes=True)
    invoice = invoicing.issue_invoice(order, at=TERM)
    create_payment(order, "199.00")
    note = invoicing.issue_credit_note(invoice, at=TERM, reason="SIRET corrigé", replaced=True)
    assert xml_texts(note.xml, "SpecifiedTradeSettlementPaymentMeans/TypeCode") == ["97"]
    assert "la facture qui remplace celle-ci" in note.snapshot["corrects"]["refund_terms"]


@pytest.mark.slow
def test_a_credit_note_after_the_refund_says_how_it_went_back():
    """The card provider's own refund comes before the cancellation."""
    order = StoredOrderFactory(five_classes=True)
    invoice = invoicing.issue_invoice(order, at=TERM)
    paid = create_payment(order, "199.00", PaymentMethod.CARD)
    card = CardPaymentFactory(order=order)
    create_payment(order, "-199.00", PaymentMethod.CARD, refunds=paid, card=card, provider_refund="re_1")
    note = invoicing.issue_credit_note(invoice, at=TERM, reason="Remboursée par le prestataire")
    assert xml_texts(note.xml, "SpecifiedTradeSettlementPaymentMeans/TypeCode") == ["48"]


#: Payers that require neither a service code nor an engagement number.
PAYERS: dict[str, dict[str, Any]] = {
    "a private school": {"payer": Payer.SCHOOL, "siret": "78430177200017"},
    "a cooperative": {"payer": Payer.COOPERATIVE, "siret": ""},
    "a private person": {"payer": Payer.OTHER, "siret": "", "bill_country": ""},
    "a town hall of whom no code is known": {"payer": Payer.TOWN_HALL, "bill_country": "Mayotte"},
}


@pytest.mark.slow
@pytest.mark.parametrize("paid", [None, *PaymentMethod])
@pytest.mark.parametrize("payer", PAYERS)
def test_every_payer_and_method_gives_a_valid_invoice_and_credit_note(payer, paid):
    order = StoredOrderFactory(five_classes=True, service_code="", engagement_number="", **PAYERS[payer])
    if paid:
        create_payment(order, "199.00", paid)
    invoice = invoicing.issue_invoice(order, at=TERM)
    assert list_violations(invoice.xml) == []
    assert list_violations(invoicing.issue_credit_note(invoice, at=TERM, reason="Doublon").xml) == []


@pytest.mark.slow
def test_several_lines_names_with_signs_and_the_other_choice_for_vat():
    put_on_sale()
    # VAT is what remains of the price, to the cent: the norm allows one.
    SchoolTier.objects.filter(to_classes=5).update(price_ttc=Decimal("199.05"))
    day = date_in_paris(TERM)
    reduced = pricing.price_classes(1, day)
    order = StoredOrderFactory(
        lines=(pricing.price_classes(5, day), pricing.price_classes(16, day), reduced),
        payer=Payer.SCHOOL,
        school=SchoolFactory(name="École « Les P'tits Loups » & Cie <élémentaire>"),
        bill_name="OGEC «\u00a0Saint-Jean\u00a0» & amis\x0b <Nîmes>",
        bill_postal_code="97400",
        bill_country="La Réunion",
        service_code="",
        engagement_number="",
    )
    line = order.lines.get(quantity=1)
    line.vat_rate, (line.total_ht, line.total_vat, line.total_ttc) = (
        Decimal("2.10"),
        extract_vat(line.total_ttc, Decimal("2.10")),
    )
    line.unit_ht = line.total_ht
    line.save()
    rows = order.lines.all()
    order.total_ht, order.total_vat = sum(one.total_ht for one in rows), sum(one.total_vat for one in rows)
    Seller.objects.update(vat_on_debits=True)
    xml = invoicing.issue_invoice(order, at=TERM).xml
    assert list_violations(xml) == []
    assert xml_texts(xml, "BuyerTradeParty/Name") == ["OGEC «\u00a0Saint-Jean\u00a0» & amis <Nîmes>"]
    assert xml_texts(xml, "BuyerTradeParty/PostalTradeAddress/CountryID") == ["RE"]
    assert xml_texts(xml, "ApplicableHeaderTradeSettlement/ApplicableTradeTax/RateApplicablePercent") == [
        "8.50",
        "2.10",
    ]


@pytest.mark.slow
def test_the_rules_find_what_is_wrong():
    xml = invoicing.issue_invoice(StoredOrderFactory(five_classes=True), at=TERM).xml
    for right, wrong, rule in (
        ("<ram:GrandTotalAmount>199.00", "<ram:GrandTotalAmount>198.00", "BR-CO-15"),
        ("<ram:InvoiceCurrencyCode>EUR", "<ram:InvoiceCurrencyCode>EUX", "InvoiceCurrencyCode"),
        ("<ram:SubjectCode>PMT<", "<ram:SubjectCode>AAI<", "BR-FR-05"),
        ('schemeID="0009">21300189400012', 'schemeID="0009">31300189400012', "BR-FR-09"),
    ):
        assert right in xml
        assert any(rule in one for one in list_violations(xml.replace(right, wrong))), rule


def test_the_xsd_stops_an_invoice_at_its_issue():
    snapshot = invoicing.issue_invoice(StoredOrderFactory(five_classes=True), at=TERM).snapshot
    snapshot["lines"][0]["quantity"] = "1e2"
    with pytest.raises(etree.DocumentInvalid):
        cii.render_xml(snapshot)
