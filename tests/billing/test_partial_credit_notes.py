"""Partial credit notes: they add up to their invoice to the cent, and break no rule of EN 16931 and France."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from licensing.books.billing import invoicing
from licensing.books.billing.models import Invoice, InvoiceRoute, PlatformStatus
from licensing.orders.exceptions import BadAmount
from licensing.payments.credits import price_licences
from tests.billing.pdf_text import extract_text
from tests.billing.schematron import list_violations
from tests.billing.xml_text import xml_texts
from tests.conftest import TERM
from tests.factories.orders import StoredOrderFactory
from tests.refusals import refuses

pytestmark = pytest.mark.django_db


def credit(invoice, ttc, *, licences=0, goes_back=False):
    return invoicing.issue_partial_credit_note(
        invoice, ttc=Decimal(ttc), licences=licences, reason="Classes fermées", goes_back=goes_back, at=TERM
    )


def cancel(invoice):
    return invoicing.issue_credit_note(invoice, at=TERM, reason="Commande annulée")


def sum_notes(invoice):
    notes = invoice.credit_notes.all()
    return tuple(sum(getattr(note, name) for note in notes) for name in ("total_ht", "total_vat", "total_ttc"))


@pytest.mark.slow
@pytest.mark.parametrize("parts", [("39.80", "39.80"), ("0.01", "0.02", "198.96"), ("33.33", "66.67", "11.11")])
def test_credit_notes_add_up_to_the_invoice_and_the_last_takes_the_rest(parts):
    invoice = invoicing.issue_invoice(StoredOrderFactory(five_classes=True), at=TERM)
    notes = [credit(invoice, part) for part in parts]
    assert list(Invoice.objects.current()) == [invoice]
    last = cancel(invoice)
    assert sum_notes(invoice) == (invoice.total_ht, invoice.total_vat, invoice.total_ttc)
    assert not Invoice.objects.current().exists()
    assert [list_violations(note.xml) for note in (*notes, last)] == [[]] * (len(notes) + 1)
    assert [note.sequence for note in (invoice, *notes, last)] == [*range(1, len(notes) + 3)]
    assert "Avoir pour le reste sur la facture" in last.snapshot["terms"]


@pytest.mark.slow
def test_licences_of_a_collectivity_are_counted_at_their_price(gard):
    order = StoredOrderFactory(collectivity_purchase=True, collectivity=gard)
    invoice, line = invoicing.issue_invoice(order, at=TERM), order.lines.get()
    ttc = price_licences(line, 300)
    assert ttc == Decimal("7200.00")
    note = credit(invoice, ttc, licences=300)
    assert list_violations(note.xml) == []
    assert xml_texts(note.xml, "BilledQuantity") == ["300"]
    assert xml_texts(note.xml, "NetPriceProductTradePrice/ChargeAmount") == ["20.00"]
    assert xml_texts(note.xml, "LineTotalAmount")[0] == "6000.00"
    assert xml_texts(note.xml, "InvoiceReferencedDocument/IssuerAssignedID") == [invoice.number]
    assert xml_texts(note.xml, "ExchangedDocument/TypeCode") == ["381"]


@pytest.mark.slow
def test_licences_of_a_tier_are_a_part_of_its_one_price():
    order = StoredOrderFactory(five_classes=True)
    invoice, line = invoicing.issue_invoice(order, at=TERM), order.lines.get()
    prices = []
    for _ in range(5):
        prices.append(price_licences(line, 1))
        line.taken_back += 1
    assert (prices[0], sum(prices)) == (Decimal("39.80"), line.total_ttc)
    note = credit(invoice, "79.60", licences=2)
    assert xml_texts(note.xml, "BilledQuantity") == ["1"]
    text = extract_text(invoicing.get_or_create_document(note, at=TERM))
    assert "Reprise de 2 licences" in text
    assert f"Facture corrigée {invoice.number} du 24/11/2026" in text
    assert "Avoir partiel sur la facture" in text
    assert "Classes fermées" in text


@pytest.mark.slow
@pytest.mark.parametrize(("code", "country"), [("97400", "La Réunion"), ("97600", "Mayotte")])
def test_the_vat_of_another_territory_is_credited_as_it_was_charged(code, country):
    order = StoredOrderFactory(five_classes=True, bill_postal_code=code, bill_country=country)
    invoice = invoicing.issue_invoice(order, at=TERM)
    notes = [credit(invoice, "50.01"), credit(invoice, "0.99"), cancel(invoice)]
    assert [list_violations(note.xml) for note in notes] == [[], [], []]
    assert sum_notes(invoice) == (invoice.total_ht, invoice.total_vat, invoice.total_ttc)


@pytest.mark.slow
def test_a_part_of_an_unpaid_invoice_is_set_off():
    invoice = invoicing.issue_invoice(StoredOrderFactory(five_classes=True), at=TERM)
    note = credit(invoice, "10")
    assert xml_texts(note.xml, "SpecifiedTradeSettlementPaymentMeans/TypeCode") == ["97"]
    assert note.snapshot["corrects"]["refund_terms"].startswith("Déduit de la facture")


@pytest.mark.slow
def test_what_is_not_a_part_is_refused_and_takes_no_number():
    invoice = invoicing.issue_invoice(StoredOrderFactory(five_classes=True), at=TERM)
    credit(invoice, "100")
    for amount in ("0", "-1", "99", "99.01"):
        with pytest.raises(BadAmount):
            credit(invoice, amount)
    last = cancel(invoice)
    assert (last.sequence, last.total_ttc) == (3, 99)
    with refuses("already_credited"):
        credit(invoice, "1")


def test_the_database_refuses_credit_notes_beyond_their_invoice():
    invoice = invoicing.issue_invoice(StoredOrderFactory(five_classes=True), at=TERM)
    note = credit(invoice, "150")
    for changed in ({}, {"is_partial": False}, {"total_ttc": 49, "total_ht": 49, "total_vat": 0}):
        note.pk, note.sequence, note.number = None, 3, "P2026-000003"
        vars(note).update(changed)
        with pytest.raises(IntegrityError, match="does not take back what is left"), transaction.atomic():
            note.save(force_insert=True)


@pytest.mark.slow
def test_a_partial_credit_note_is_deposited_as_any_other():
    invoice = invoicing.issue_invoice(StoredOrderFactory(five_classes=True), at=TERM)
    note = credit(invoice, "50")
    assert list(invoicing.list_undeposited(InvoiceRoute.CHORUS_PRO)) == [invoice, note]
    PlatformStatus.objects.create(invoice=invoice, state="rejected", reason="SIRET", at=TERM)
    # The payer booked neither.
    assert list(invoicing.list_undeposited()) == []
