"""Who pays an order is corrected until it is invoiced, and after a rejection; what was issued stays as issued."""

from decimal import Decimal

import pytest
from django_tenants.utils import schema_context

from core.exceptions import DomainError
from licensing.books.billing import documents
from licensing.books.billing import operations as billing_operations
from licensing.orders import billing_details
from licensing.orders.models import Order, Payer
from tests.billing.pdf_text import extract_text
from tests.conftest import TERM
from tests.factories.accounts import OperatorFactory
from tests.factories.billing_details import BillingDetailsFactory
from tests.factories.orders import OrderFactory, PurchaseFactory
from tests.orders import actions
from tests.orders.assertions import assert_refused, list_email_kinds
from tests.orders.dates import at_day
from tests.races import run_concurrently

pytestmark = pytest.mark.django_db


def correct(order, *, by=None, at=TERM, **changed):
    """Correct the billing details as the buyer, or as another person."""
    return billing_operations.correct_billing_details(
        order_id=order.pk, billing=BillingDetailsFactory(**changed), by=by or order.placed_by, at=at
    )


def reject(invoice):
    billing_operations.record_platform_status(
        invoice_id=invoice.pk, state="rejected", reason="Raison sociale erronée.", by=OperatorFactory(), at=TERM
    )


@pytest.mark.slow
def test_a_wrong_name_that_was_rejected_is_right_on_the_new_invoice():
    order = OrderFactory(placed=True)
    invoice = actions.confirm(order)
    reject(invoice)
    correct(order, name="Commune de Nîmes", address="1 place de la Mairie", postal_code="30900")
    issued = billing_operations.reissue_invoice(
        invoice_id=invoice.pk, reason="Raison sociale erronée.", by=OperatorFactory(), at=TERM
    )
    buyers = [invoice.snapshot["buyer"], issued.snapshot["buyer"]]
    assert [(one["name"], one["postal_code"]) for one in buyers] == [
        ("Mairie de Nîmes", "30000"),
        ("Commune de Nîmes", "30900"),
    ]
    assert "Commune de Nîmes" in issued.xml
    assert invoice.credit_notes.get().snapshot["buyer"]["name"] == "Mairie de Nîmes"


@pytest.mark.slow
def test_who_pays_changes_until_the_invoice_and_not_after_it():
    order = OrderFactory(placed=True)
    correct(order, cooperative=True)
    order.refresh_from_db()
    assert (order.payer, order.bill_name, order.siret) == (Payer.COOPERATIVE, "OCCE 30", "")
    event = order.events.get(action="corrected")
    assert "qui paie, nom de facturation" in event.summary
    assert "OCCE" not in event.summary
    # A second click changes nothing.
    correct(order, cooperative=True)
    assert order.events.filter(action="corrected").count() == 1
    actions.confirm(order)
    assert "ne change plus" in assert_refused("not_in_this_state", correct, order)
    actions.cancel(order)
    assert "annulée" in assert_refused("not_in_this_state", correct, order)


def test_a_draft_is_not_corrected_but_filled_in():
    assert_refused("not_in_this_state", correct, OrderFactory())


@pytest.mark.slow
def test_a_correction_is_as_valid_as_an_order():
    order = OrderFactory(placed=True)
    for given in ({"name": " "}, {"postal_code": "1234"}, {"siret": "123"}, {"payer": "collectivity"}):
        assert_refused("invalid_billing", correct, order, **given)
    order.refresh_from_db()
    assert order.bill_name == "Mairie de Nîmes"


@pytest.mark.slow
def test_the_quote_and_the_purchase_order_stay_as_issued():
    order = OrderFactory(quoted=True)
    quote = documents.get_or_create_quote(order, at=TERM)
    actions.place(order)
    signed = documents.get_or_create_purchase_order(order, at=TERM)
    correct(order, name="Commune de Nîmes", at=at_day(1))
    assert documents.get_or_create_quote(order, at=at_day(2)) == quote
    again = documents.get_or_create_purchase_order(order, at=at_day(2))
    assert (signed.number, again.number) == (f"BC2026-{order.pk}", f"BC2026-{order.pk}/2")
    texts = [extract_text(one) for one in (signed, again)]
    assert ["Mairie de Nîmes" in text for text in texts] == [True, False]
    assert "Commune de Nîmes" in texts[1]


@pytest.mark.slow
def test_a_correction_by_another_person_is_emailed_to_the_buyer():
    order = OrderFactory(placed=True)
    correct(order, name="Commune de Nîmes")
    assert list_email_kinds(order) == ["placed"]
    correct(order, name="Ville de Nîmes", by=OperatorFactory())
    assert list_email_kinds(order) == ["placed", "corrected"]


@pytest.mark.slow
def test_a_collectivity_stays_its_own_payer(nimes):
    order = PurchaseFactory(placed=True)
    correct(order, collectivity=True, name="Nîmes Métropole")
    assert Order.objects.get(pk=order.pk).bill_name == "Nîmes Métropole"
    assert_refused("invalid_billing", correct, order)


@pytest.mark.slow
def test_a_correction_and_the_invoice_at_once_never_disagree(committing):
    with schema_context("public"):
        order, by = OrderFactory(placed=True), OperatorFactory()
    run_concurrently(
        "public",
        [
            lambda: correct(order, name="Commune de Nîmes"),
            lambda: billing_operations.confirm(order_id=order.pk, by=by, at=TERM),
        ],
        expected_errors=DomainError,
    )
    order.refresh_from_db()
    assert order.invoices.get().snapshot["buyer"]["name"] == order.bill_name


@pytest.mark.slow
def test_the_vat_follows_the_new_place_until_the_invoice():
    order = OrderFactory(placed=True)
    net = order.total_ht
    correct(order, postal_code="97400", city="Saint-Denis", country="La Réunion")
    order.refresh_from_db()
    assert order.lines.get().vat_rate == Decimal("8.5")
    assert (order.total_ttc, order.total_ht > net) == (order.total_ht + order.total_vat, True)
    assert "TVA" in order.events.get(action="corrected").summary


@pytest.mark.slow
def test_an_order_that_was_invoiced_keeps_its_vat():
    order = OrderFactory(placed=True)
    reject(actions.confirm(order))
    refusal = assert_refused(
        "invalid_billing", correct, order, postal_code="97400", city="Saint-Denis", country="La Réunion"
    )
    assert "changerait la TVA" in refusal
    order.refresh_from_db()
    assert (order.bill_postal_code, order.lines.get().vat_rate) == ("30000", Decimal(20))


@pytest.mark.slow
def test_a_vat_that_the_operator_chose_does_not_follow_the_place():
    order = OrderFactory(placed=True)
    billing_details.correct_vat(
        order_id=order.pk, treatment="exempt", exemption="Exonération, article 261 du CGI", reason="Attestation.",
        by=OperatorFactory(), at=TERM,
    )  # fmt: skip
    correct(order, postal_code="97400", city="Saint-Denis", country="La Réunion")
    assert order.lines.get().vat_rate == 0
