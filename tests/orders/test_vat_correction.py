"""The operator corrects an order's VAT, with a reason, until it is invoiced; the buyer is told."""

from decimal import Decimal

import pytest
from django_tenants.utils import schema_context

from core.exceptions import DomainError
from licensing.books.billing import operations as billing_operations
from licensing.books.billing.documents import get_or_create_purchase_order
from licensing.orders import billing_details
from licensing.orders.exceptions import BadBilling, NoReason
from licensing.orders.vat import VatCategory, VatTreatment
from sites.audit.sales_checks import find_vat_violations
from tests.billing.pdf_text import extract_text
from tests.billing.schematron import list_violations
from tests.conftest import TERM
from tests.factories.accounts import OperatorFactory
from tests.factories.orders import OrderFactory, PurchaseFactory
from tests.orders import actions
from tests.orders.assertions import list_email_kinds
from tests.orders.dates import DAY
from tests.races import run_concurrently
from tests.refusals import refuses

EXEMPTION = "Exonération de TVA, article 151 de la directive 2006/112/CE."


def correct(order, treatment, *, reason="Attestation reçue.", by=None, at=TERM, **proof):
    by = by or OperatorFactory()
    return billing_details.correct_vat(order_id=order.pk, treatment=treatment, reason=reason, by=by, at=at, **proof)


@pytest.mark.slow
def test_an_exempt_buyer_pays_no_vat_and_every_document_says_why(nimes):
    order = PurchaseFactory(placed=True)
    first = get_or_create_purchase_order(order, at=TERM)
    order = correct(order, VatTreatment.EXEMPT, exemption=EXEMPTION, at=TERM + DAY)
    assert (order.total_ht, order.total_vat, order.total_ttc) == (Decimal("40000.00"), 0, Decimal("40000.00"))
    event = order.events.get(action="vat_corrected")
    assert "Attestation reçue." in event.summary
    assert list_email_kinds(order)[-1] == "vat_corrected"
    second = get_or_create_purchase_order(order, at=TERM + DAY)
    assert second.number == f"{first.number}/2"
    assert EXEMPTION in extract_text(second)
    invoice = actions.confirm(order, at=TERM + DAY)
    assert list_violations(invoice.xml) == []
    assert invoice.snapshot["rates"][0]["category"] == VatCategory.EXEMPT
    assert list(find_vat_violations()) == []


@pytest.mark.slow
def test_a_school_s_total_stays_and_its_vat_changes(db):
    order = correct(OrderFactory(placed=True), VatTreatment.OVERSEAS)
    assert (order.total_ht, order.total_ttc) == (Decimal("183.41"), Decimal("199.00"))
    assert order.vat_correction == "Attestation reçue."
    again = correct(order, VatTreatment.METROPOLITAN, reason="Erreur de saisie.")
    assert (again.total_ht, again.vat_correction) == (Decimal("165.83"), "")


@pytest.mark.slow
def test_the_same_correction_twice_is_one(db):
    order = OrderFactory(placed=True)
    for _ in range(2):
        correct(order, VatTreatment.EXEMPT, exemption=EXEMPTION)
    assert order.events.filter(action="vat_corrected").count() == 1


@pytest.mark.parametrize(
    ("treatment", "proof", "field"),
    [
        ("other", {}, "treatment"),
        (VatTreatment.EXEMPT, {"exemption": " "}, "exemption"),
        (VatTreatment.EU_TAXABLE, {}, "vat_number"),
        (VatTreatment.EU_TAXABLE, {"vat_number": "BE0123456789"}, "vat_number"),
    ],
)
def test_a_treatment_without_its_proof_is_refused(db, treatment, proof, field):
    order = OrderFactory(placed=True)
    with pytest.raises(BadBilling) as refusal:
        correct(order, treatment, **proof)
    assert refusal.value.field == field
    assert not order.events.filter(action="vat_corrected").exists()


@pytest.mark.slow
def test_a_correction_has_a_reason_and_comes_between_order_and_invoice(db):
    with pytest.raises(NoReason):
        correct(OrderFactory(placed=True), VatTreatment.OVERSEAS, reason=" ")
    for order in (OrderFactory(), OrderFactory(confirmed=True), OrderFactory(cancelled=True)):
        with refuses("not_in_this_state", match="La TVA se corrige entre"):
            correct(order, VatTreatment.OVERSEAS)
    assert correct(OrderFactory(in_review=True), VatTreatment.OVERSEAS).total_ttc == Decimal("349.00")


@pytest.mark.slow
@pytest.mark.parametrize("number", [2, pytest.param(12, marks=pytest.mark.slow)])
def test_a_correction_and_the_invoice_at_once_never_disagree(committing, number):
    with schema_context("public"):
        by = OperatorFactory()
        orders = [OrderFactory(placed=True) for _ in range(number)]
        calls = []
        for order in orders:
            calls.append(lambda order=order: correct(order, VatTreatment.EXEMPT, exemption=EXEMPTION, by=by))
            calls.append(lambda order=order: billing_operations.confirm(order_id=order.pk, by=by, at=TERM))
        run_concurrently("public", calls, expected_errors=DomainError)
        for order in orders:
            order.refresh_from_db()
            assert order.invoices.get().total_vat == order.total_vat
        assert list(find_vat_violations()) == []
