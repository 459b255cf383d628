"""The XML of invoices: valid for the schematrons of EN 16931 and of France, and equal to the order."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pytest
from lxml import etree

from licensing.catalogue import pricing
from licensing.catalogue.models import SchoolTier
from licensing.catalogue.operations import day_in_france
from licensing.orders import invoicing
from licensing.orders.invoicing import cii
from licensing.orders.models import Payer, Payment, PaymentMethod, Seller
from tests.conftest import TERM
from tests.factories.schools import SchoolFactory
from tests.factories.shop import on_sale
from tests.orders import invoiced
from tests.orders.schematron import broken

pytestmark = pytest.mark.django_db


def value(xml: str, path: str) -> list[str]:
    """Return the texts at a path of local names: `BuyerTradeParty/GlobalID`."""
    steps = "/".join(f"*[local-name()='{step}']" for step in path.split("/"))
    return [node.text for node in etree.fromstring(xml.encode()).xpath(f"//{steps}")]


def received(order, amount: str, method: str = PaymentMethod.TRANSFER, refunds: Payment | None = None) -> Payment:
    return Payment.objects.create(
        order=order,
        method=method,
        amount=Decimal(amount),
        received_on=datetime.date(2026, 11, 20),
        reference=f"VIR {amount}",
        refunds=refunds,
        recorded_at=TERM,
    )


def test_to_a_town_hall():
    xml = invoicing.issue(invoiced.five_classes(), at=TERM).xml
    assert broken(xml) == []
    assert value(xml, "BuyerReference") == ["SCOLAIRE"]
    assert value(xml, "BuyerOrderReferencedDocument/IssuerAssignedID") == ["EJ-2026-0042"]
    assert value(xml, "BuyerTradeParty/GlobalID") == ["21300189400012"]
    assert value(xml, "BuyerTradeParty/SpecifiedLegalOrganization/ID") == ["213001894"]
    assert value(xml, "GrandTotalAmount") == value(xml, "DuePayableAmount") == ["199.00"]
    assert value(xml, "BusinessProcessSpecifiedDocumentContextParameter/ID") == ["S1"]


def test_to_a_collectivity_and_its_credit_note(gard):
    invoice = invoicing.issue(invoiced.of_collectivity(gard), at=TERM)
    assert broken(invoice.xml) == []
    assert value(invoice.xml, "BilledQuantity") == ["2000"]
    assert value(invoice.xml, "GrandTotalAmount") == ["48000.00"]
    note = invoicing.credit(invoice, at=TERM, reason="Rejetée : numéro d'engagement inconnu")
    assert broken(note.xml) == []
    assert value(note.xml, "ExchangedDocument/TypeCode") == ["381"]
    assert value(note.xml, "InvoiceReferencedDocument/IssuerAssignedID") == [invoice.number]
    assert value(note.xml, "GrandTotalAmount") == ["48000.00"]


def test_paid_by_card_without_a_siret():
    xml = invoicing.issue(invoiced.by_card(), at=TERM, paid_by_card=True).xml
    assert broken(xml) == []
    assert value(xml, "BusinessProcessSpecifiedDocumentContextParameter/ID") == ["S2"]
    assert value(xml, "TotalPrepaidAmount") == ["49.00"]
    assert value(xml, "DuePayableAmount") == ["0.00"]
    assert value(xml, "BuyerTradeParty/URIUniversalCommunication/URIID") == ["camille+classe@exemple.example"]


@pytest.mark.parametrize("method", [PaymentMethod.CHEQUE, PaymentMethod.TRANSFER])
def test_paid_in_part_and_reissued_once_it_is_paid(method):
    order = invoiced.five_classes()
    received(order, "50.00")
    first = invoicing.issue(order, at=TERM)
    assert broken(first.xml) == []
    assert value(first.xml, "DuePayableAmount") == ["149.00"]
    received(order, "149.00", method)
    invoicing.credit(first, at=TERM, reason="SIRET corrigé")
    second = invoicing.issue(order, at=TERM)
    assert broken(second.xml) == []
    assert value(second.xml, "DuePayableAmount") == ["0.00"]
    assert f"Réglée par {PaymentMethod(method).label.lower()}" in second.facts["terms"]


def test_money_that_went_back_is_not_what_paid_it():
    order = invoiced.five_classes()
    first = invoicing.issue(order, at=TERM)
    received(order, "199.00", PaymentMethod.CHEQUE)
    twice = received(order, "199.00", PaymentMethod.CARD)
    received(order, "-199.00", PaymentMethod.CARD, refunds=twice)
    invoicing.credit(first, at=TERM, reason="SIRET corrigé")
    assert "Réglée par chèque" in invoicing.issue(order, at=TERM).facts["terms"]


#: Payers that require neither a service code nor an engagement number.
PAYERS = {
    "a private school": {"payer": Payer.SCHOOL, "siret": "78430177200017"},
    "a cooperative": {"payer": Payer.COOPERATIVE, "siret": ""},
    "a private person": {"payer": Payer.OTHER, "siret": "", "bill_country": ""},
    "a town hall of whom no code is known": {"payer": Payer.TOWN_HALL, "bill_country": "Mayotte"},
}


@pytest.mark.parametrize("paid", [None, *PaymentMethod])
@pytest.mark.parametrize("payer", PAYERS)
def test_every_payer_and_method_gives_a_valid_invoice_and_credit_note(payer, paid):
    order = invoiced.five_classes(service_code="", engagement_number="", **PAYERS[payer])
    if paid:
        received(order, "199.00", paid)
    invoice = invoicing.issue(order, at=TERM)
    assert broken(invoice.xml) == []
    assert broken(invoicing.credit(invoice, at=TERM, reason="Doublon").xml) == []


def test_several_lines_names_with_signs_and_the_other_choice_for_vat():
    on_sale()
    # VAT is what remains of the price, 33.17, while a fifth of 165.88 is rounded to 33.18: the norm allows a cent.
    SchoolTier.objects.filter(to_classes=5).update(price_ttc=Decimal("199.05"))
    day = day_in_france(TERM)
    reduced = pricing.for_classes(1, day)
    order = invoiced.order_of(
        pricing.for_classes(5, day),
        pricing.for_classes(16, day),
        reduced,
        payer=Payer.SCHOOL,
        school=SchoolFactory(name="École « Les P'tits Loups » & Cie <élémentaire>"),
        bill_name="OGEC «\u00a0Saint-Jean\u00a0» & amis\x0b <Nîmes>",
        bill_country="La Réunion",
        service_code="",
        engagement_number="",
    )
    order.lines.filter(quantity=1).update(vat_rate=Decimal("5.50"), total_vat="2.25", total_ttc="43.08")
    order.total_vat = Decimal("33.17") + Decimal("80.00") + Decimal("2.25")
    order.total_ttc = order.total_ht + order.total_vat
    Seller.objects.update(vat_on_debits=True)
    xml = invoicing.issue(order, at=TERM).xml
    assert broken(xml) == []
    assert value(xml, "BuyerTradeParty/Name") == ["OGEC «\u00a0Saint-Jean\u00a0» & amis <Nîmes>"]
    assert value(xml, "BuyerTradeParty/PostalTradeAddress/CountryID") == ["RE"]
    assert value(xml, "ApplicableHeaderTradeSettlement/ApplicableTradeTax/RateApplicablePercent") == ["20.00", "5.50"]


def test_the_rules_find_what_is_wrong():
    xml = invoicing.issue(invoiced.five_classes(), at=TERM).xml
    for right, wrong, rule in (
        ("<ram:GrandTotalAmount>199.00", "<ram:GrandTotalAmount>198.00", "BR-CO-15"),
        ("<ram:InvoiceCurrencyCode>EUR", "<ram:InvoiceCurrencyCode>EUX", "InvoiceCurrencyCode"),
        ("<ram:SubjectCode>PMT<", "<ram:SubjectCode>AAI<", "BR-FR-05"),
        ('schemeID="0009">21300189400012', 'schemeID="0009">31300189400012', "BR-FR-09"),
    ):
        assert right in xml
        assert any(rule in one for one in broken(xml.replace(right, wrong))), rule


def test_the_xsd_stops_an_invoice_at_its_issue():
    facts = invoicing.issue(invoiced.five_classes(), at=TERM).facts
    facts["lines"][0]["quantity"] = "1e2"
    with pytest.raises(etree.DocumentInvalid):
        cii.write(facts)
