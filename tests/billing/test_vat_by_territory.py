"""Invoices of every territory: the rate and the mention of its VAT, valid for every schematron."""

from decimal import Decimal

import pytest

from licensing.books.billing import invoicing
from licensing.books.billing.documents import get_or_create_quote
from licensing.books.billing.models import BillingDocumentKind
from licensing.orders.models import Order, Payer
from tests.billing.pdf_text import extract_text
from tests.billing.schematron import list_violations
from tests.billing.xml_text import xml_texts
from tests.conftest import TERM
from tests.factories.orders import StoredOrderFactory
from tests.tiers import sampled

pytestmark = pytest.mark.django_db

_TAX = "ApplicableHeaderTradeSettlement/ApplicableTradeTax"
#: Country, postal code, VAT number; then rate, category, code of the reason, and what documents say.
TERRITORIES = {
    "metropolitan": ("France", "30000", "", "20.00", "S", [], ""),
    "guadeloupe": ("France", "97110", "", "8.50", "S", [], ""),
    "guyane": ("France", "97300", "", "0.00", "E", [], "article 294 du CGI"),
    "mayotte": ("Mayotte", "97600", "", "0.00", "E", [], "article 294 du CGI"),
    "new caledonia": ("France", "98800", "", "0.00", "G", ["VATEX-EU-G"], "articles 259 et 259 B du CGI"),
    "saint-martin": ("France", "97150", "", "0.00", "G", ["VATEX-EU-G"], "articles 259 et 259 B du CGI"),
    "switzerland": ("Suisse", "1201", "", "0.00", "G", ["VATEX-EU-G"], "articles 259 et 259 B du CGI"),
    "belgian consumer": ("Belgique", "1000", "", "20.00", "S", [], ""),
    "belgian company": ("Belgique", "1000", "BE0403053608", "0.00", "AE", ["VATEX-EU-AE"], "Autoliquidation"),
}


def sell(territory: str, **fields) -> Order:
    country, postal_code, vat_number, *_ = TERRITORIES[territory]
    return StoredOrderFactory(
        payer=Payer.OTHER,
        siret="",
        service_code="",
        engagement_number="",
        bill_country=country,
        bill_postal_code=postal_code,
        vat_number=vat_number,
        **fields,
    )


@pytest.mark.slow
@pytest.mark.parametrize("territory", sampled(list(TERRITORIES), fast=3))
def test_invoice_and_credit_note_state_the_territory_s_vat_and_break_no_rule(territory):
    *_, rate, category, codes, mention = TERRITORIES[territory]
    order = sell(territory, five_classes=True)
    invoice = invoicing.issue_invoice(order, at=TERM)
    note = invoicing.issue_credit_note(invoice, at=TERM, reason="Doublon")
    for one in (invoice, note):
        assert list_violations(one.xml) == []
        assert xml_texts(one.xml, f"{_TAX}/CategoryCode") == [category]
        assert xml_texts(one.xml, f"{_TAX}/RateApplicablePercent") == [rate]
        assert xml_texts(one.xml, f"{_TAX}/ExemptionReasonCode") == codes
        assert mention in " ".join(xml_texts(one.xml, f"{_TAX}/ExemptionReason"))
        # A school pays what its tier says, whatever the rate.
        assert one.total_ttc == Decimal("199.00")
        printed = extract_text(invoicing.get_or_create_document(one, at=TERM))
        assert mention in printed


@pytest.mark.parametrize(
    ("territory", "ttc"), [("metropolitan", "48000.00"), ("guadeloupe", "43400.00"), ("guyane", "40000.00")]
)
def test_a_collectivity_pays_the_same_without_vat_everywhere(nimes, territory, ttc):
    country, postal_code, *_ = TERRITORIES[territory]
    order = StoredOrderFactory(
        collectivity_purchase=True, collectivity=nimes, bill_country=country, bill_postal_code=postal_code
    )
    assert (order.total_ht, order.total_ttc) == (Decimal("40000.00"), Decimal(ttc))
    assert list_violations(invoicing.issue_invoice(order, at=TERM).xml) == []


@pytest.mark.slow
def test_a_reverse_charge_carries_the_buyer_s_vat_number():
    invoice = invoicing.issue_invoice(sell("belgian company", five_classes=True), at=TERM)
    assert xml_texts(invoice.xml, "BuyerTradeParty/SpecifiedTaxRegistration/ID") == ["BE0403053608"]
    printed = extract_text(invoicing.get_or_create_document(invoice, at=TERM))
    assert "BE0403053608" in printed


@pytest.mark.slow
def test_a_quote_says_why_there_is_no_vat():
    order = sell("mayotte", five_classes=True, quote_number="DV2026-1", quoted_at=TERM)
    document = get_or_create_quote(order, at=TERM)
    assert document.kind == BillingDocumentKind.QUOTE
    assert "TVA non applicable, article 294 du CGI." in extract_text(document)
